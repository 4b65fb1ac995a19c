//! `order` and `on_fault`: which messages keep their order among themselves, and what a bad one does to those behind it.

use transfuse_engine::LaneKey;

use super::document::Place;
use super::resolved::{OnFault, Order};
use super::section::Section;

/// Fields that may name lanes. An order by more is no order that anybody understands.
const KEYS_MAX: usize = 8;

const ORDER_HINT: &str = "write `order = \"interface\"` for all messages in one line, `order = [\"PID-3\", \"MRG-1\"]` for \
                          those of one patient, or `order = \"none\"`";

pub(super) fn order(file: &mut Section<'_>) -> Order {
    if file.has("order") && file.peek("order").is_none() {
        return keys(file);
    }
    let orders = [("interface", Word::Interface), ("none", Word::None)];
    match file.choice("order", &orders).map(|order| order.value) {
        Some(Word::None) => Order::None,
        Some(Word::Interface) | None => Order::Interface,
    }
}

/// Without an order there is no lane that could be held.
pub(super) fn on_fault(file: &mut Section<'_>, order: &Order) -> OnFault {
    let words = [
        ("continue", OnFault::Continue),
        ("hold-key", OnFault::HoldKey),
        ("stop", OnFault::Stop),
    ];
    let Some(on_fault) = file.choice("on_fault", &words) else {
        return OnFault::default();
    };
    if on_fault.value != OnFault::Continue && *order == Order::None {
        let message = "with `order = \"none\"` nothing is behind a message, so nothing can be held";
        let hint = "leave `on_fault` out, or name what keeps its order: `order = [\"PID-3\", \"MRG-1\"]`";
        file.faults().at_with_hint(&on_fault.place, message, hint);
    }
    on_fault.value
}

#[derive(Clone, Copy)]
enum Word {
    Interface,
    None,
}

fn keys(file: &mut Section<'_>) -> Order {
    let place: Place = file.place_of("order");
    let Some(paths) = file.texts("order") else {
        return Order::Interface;
    };
    if paths.is_empty() || paths.len() > KEYS_MAX {
        let message = format!("`order` lists {} fields, and may list 1 to {KEYS_MAX}", paths.len());
        file.faults().at_with_hint(&place, message, ORDER_HINT);
    }
    for path in &paths {
        if let Err(error) = path.value.parse::<LaneKey>() {
            file.faults()
                .at_with_hint(&path.place, format!("`order`: {error}"), ORDER_HINT);
        }
    }
    Order::Keys(paths.into_iter().map(|path| path.value).collect())
}
