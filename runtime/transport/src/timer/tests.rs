#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::FutureExt as _;
use jiff::tz::TimeZone;
use tokio::sync::mpsc;

use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn settings(every: Duration, makes_up: bool) -> TimerSettings {
    TimerSettings {
        schedule: Schedule {
            ticks: Ticks::Every(every),
            time_zone: TimeZone::UTC,
        },
        template: "MSH|^~\\&|{control_id}".parse().unwrap(),
        makes_up,
    }
}

/// Runs a timer until it has made so many messages, and gives their ticks.
async fn ticks(settings: TimerSettings, ticked: &Ticked, count: usize) -> Vec<Timestamp> {
    let (sender, mut frames) = mpsc::unbounded_channel();
    let handler: Handler = Arc::new(move |frame: Frame| {
        sender.send(tick_of(&frame.source).unwrap()).unwrap();
        std::future::ready(Answer::Accepted(Payload::default().into())).boxed()
    });
    let stop = CancellationToken::new();
    let serving = tokio::spawn(Timer::new(settings, ticked.clone()).serve(handler, stop.clone()));
    let mut made = Vec::new();
    while made.len() < count {
        made.push(frames.recv().await.unwrap());
    }
    stop.cancel();
    serving.await.unwrap();
    made.extend(std::iter::from_fn(|| frames.try_recv().ok()));
    made
}

#[tokio::test]
async fn a_timer_begins_with_the_next_tick_and_its_successor_goes_on_behind_its_last_one() {
    let ticked = Ticked::default();
    let before = Timestamp::now();
    let first = ticks(settings(Duration::from_millis(20), true), &ticked, 3).await;
    assert!(first.iter().all(|tick| *tick > before), "nothing was missed");
    let second = ticks(settings(Duration::from_millis(20), true), &ticked, 2).await;
    let all: Vec<_> = first.into_iter().chain(second).collect();
    assert!(all.is_sorted_by(|one, other| one < other), "{all:?}");
}

#[tokio::test]
async fn of_the_ticks_that_were_missed_one_comes_late_or_none() {
    let hour = Duration::from_hours(1);
    let now = Timestamp::now();
    let ticked = Ticked::default();
    ticked.take_up(now - 10 * SECOND * 3600);
    let made = ticks(settings(hour, true), &ticked, 1).await;
    assert_eq!(made, [settings(hour, true).schedule.latest(now).unwrap()]);

    let ticked = Ticked::default();
    ticked.take_up(now - 10 * SECOND * 3600);
    let timer = Timer::new(settings(hour, false), ticked.clone());
    assert!(ticked.get().unwrap() >= timer.settings.schedule.latest(now).unwrap());
}

#[tokio::test(start_paused = true)]
async fn a_tick_that_is_not_taken_is_offered_again() {
    let offered = Arc::new(AtomicUsize::new(0));
    let stop = CancellationToken::new();
    let (counted, stopped) = (Arc::clone(&offered), stop.clone());
    let handler: Handler = Arc::new(move |_| {
        let is_taken = counted.fetch_add(1, Ordering::Relaxed) == 2;
        if is_taken {
            stopped.cancel();
        }
        let answer = if is_taken {
            Answer::Accepted(Payload::default().into())
        } else {
            Answer::Unanswered
        };
        std::future::ready(answer).boxed()
    });
    let ticked = Ticked::default();
    ticked.take_up(Timestamp::now() - 2 * Duration::from_hours(1));
    Timer::new(settings(Duration::from_hours(1), true), ticked)
        .serve(handler, stop)
        .await;
    assert_eq!(offered.load(Ordering::Relaxed), 3);
}
