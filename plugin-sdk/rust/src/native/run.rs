//! One run of a plugin's function in a unit test: what it may see, and what it did.

use std::cell::RefCell;
use std::rc::Rc;

use super::log::Level;
use super::state::StateContent;

/// What a function is given and what it leaves, shared by everything that the function can reach.
#[derive(Debug, Default)]
pub(crate) struct Run {
    pub(crate) context: Context,
    pub(crate) tables: Vec<TableContent>,
    pub(crate) state: RefCell<StateContent>,
    pub(crate) attributes: RefCell<Vec<(String, String)>>,
    pub(crate) forwarded: RefCell<Vec<Forwarded>>,
    pub(crate) filtered: RefCell<Option<String>>,
    pub(crate) log: RefCell<Vec<(Level, String)>>,
}

#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) id: String,
    pub(crate) interface: String,
    pub(crate) received_at_ms: i64,
    pub(crate) time_zone: String,
    pub(crate) attempt: u32,
}

#[derive(Debug, Clone)]
pub(crate) struct TableContent {
    pub(crate) name: String,
    pub(crate) columns: Vec<String>,
    pub(crate) rows: Vec<Vec<String>>,
}

#[derive(Debug)]
pub(crate) struct Forwarded {
    pub(crate) content: Content,
    pub(crate) to: Vec<String>,
}

#[derive(Debug)]
pub(crate) enum Content {
    Message(transfuse_message::Message),
    Document { content_type: String, body: Vec<u8> },
}

thread_local! {
    /// Tables, state and the log are free functions in the contract; they belong to the run that is under way.
    static CURRENT: RefCell<Option<Rc<Run>>> = const { RefCell::new(None) };
}

impl Run {
    /// The run that is under way on this thread; none where a test calls a helper of the plugin by itself.
    pub(crate) fn current() -> Option<Rc<Self>> {
        CURRENT.with(|current| current.borrow().clone())
    }

    /// Makes this run the current one while `action` lasts, panic or not.
    pub(crate) fn during<T>(self: &Rc<Self>, action: impl FnOnce() -> T) -> T {
        struct Restore(Option<Rc<Run>>);
        impl Drop for Restore {
            fn drop(&mut self) {
                CURRENT.with(|current| *current.borrow_mut() = self.0.take());
            }
        }
        let _restore = Restore(CURRENT.with(|current| current.borrow_mut().replace(Rc::clone(self))));
        action()
    }
}

impl Default for Context {
    fn default() -> Self {
        Self {
            id: "20260105-000001".to_owned(),
            interface: "test".to_owned(),
            // 2026-01-05 08:00:00 UTC: a test that depends on the time sees the same one every day.
            received_at_ms: 1_767_600_000_000,
            time_zone: "Europe/Budapest".to_owned(),
            attempt: 1,
        }
    }
}
