//! The sequences: message ids and delivery ids.

use crate::clock::Day;
use crate::{DeliveryId, MessageId};

/// Positions, messages and deliveries whose numbers are left out where the end of the journal is damaged: what was given out last
/// may be in what cannot be read, and the projection is some hundred milliseconds behind. No number is ever given twice.
pub(crate) const LEFT_OUT: i64 = 1_000_000;

/// Gives out ids. They go on where the journal ends, and the day never goes backwards.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Numbers {
    day: Day,
    /// The last number given out within the day.
    message: i64,
    /// The last delivery id given out.
    delivery: i64,
}

/// Where the sequences stood at some moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stamp {
    /// The UTC day as `yyyymmdd`, which the segments of the journal follow.
    pub(crate) day: i64,
    pub(crate) last_message: MessageId,
    pub(crate) last_delivery: DeliveryId,
}

impl Numbers {
    /// Goes on after these ids. A last message of a later day than today's keeps its day.
    pub(crate) fn after(last_message: Option<MessageId>, last_delivery: DeliveryId, now_ms: i64) -> Self {
        let today = Day::of(now_ms);
        let delivery = last_delivery.as_i64();
        match last_message {
            Some(last) if last.day() >= today.number => Self {
                day: Day::of_number(last.day()),
                message: last.number(),
                delivery,
            },
            _ => Self {
                day: today,
                message: 0,
                delivery,
            },
        }
    }

    /// The same, further on: nothing up to there is given out any more.
    pub(crate) fn leaving_out(self, count: i64) -> Self {
        Self {
            message: self.message + count,
            delivery: self.delivery + count,
            ..self
        }
    }

    pub(crate) fn next_message(&mut self, now_ms: i64) -> MessageId {
        self.turn_day(now_ms);
        self.message += 1;
        MessageId::new(self.day.number, self.message)
    }

    /// Reserves `count` delivery ids in a row and gives the first.
    pub(crate) fn next_deliveries(&mut self, count: u32) -> DeliveryId {
        let first = self.delivery + 1;
        self.delivery += i64::from(count);
        DeliveryId::from_i64(first)
    }

    /// Where the sequences stand.
    pub(crate) fn stamp(&mut self, now_ms: i64) -> Stamp {
        self.turn_day(now_ms);
        Stamp {
            day: self.day.number,
            last_message: MessageId::new(self.day.number, self.message),
            last_delivery: DeliveryId::from_i64(self.delivery),
        }
    }

    fn turn_day(&mut self, now_ms: i64) {
        if now_ms < self.day.ends_at_ms {
            return;
        }
        self.day = Day::of(now_ms);
        self.message = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON_MS: i64 = 1_795_435_200_000;
    const DAY_MS: i64 = 86_400_000;

    #[test]
    fn numbers_start_again_at_midnight() {
        let mut numbers = Numbers::after(None, DeliveryId::from_i64(0), NOON_MS);
        assert_eq!(numbers.next_message(NOON_MS).to_string(), "20261123-000001");
        assert_eq!(numbers.next_message(NOON_MS).to_string(), "20261123-000002");
        assert_eq!(numbers.next_message(NOON_MS + DAY_MS).to_string(), "20261124-000001");
    }

    #[test]
    fn the_day_never_goes_backwards_when_the_clock_does() {
        let mut numbers = Numbers::after(None, DeliveryId::from_i64(0), NOON_MS);
        numbers.next_message(NOON_MS);
        assert_eq!(numbers.next_message(NOON_MS - DAY_MS).to_string(), "20261123-000002");

        let last = numbers.stamp(NOON_MS - DAY_MS).last_message;
        let mut reopened = Numbers::after(Some(last), DeliveryId::from_i64(0), NOON_MS - 3 * DAY_MS);
        assert_eq!(
            reopened.next_message(NOON_MS - 3 * DAY_MS).to_string(),
            "20261123-000003"
        );
        assert_eq!(reopened.next_message(NOON_MS + DAY_MS).to_string(), "20261124-000001");
    }

    #[test]
    fn delivery_ids_are_reserved_in_rows() {
        let mut numbers = Numbers::after(None, DeliveryId::from_i64(7), NOON_MS);
        assert_eq!(numbers.next_deliveries(3).as_i64(), 8);
        assert_eq!(numbers.next_deliveries(0).as_i64(), 11);
        assert_eq!(numbers.next_deliveries(1).as_i64(), 11);
    }
}
