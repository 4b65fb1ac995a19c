//! Where outputs go: to the destinations that a plugin names, or to those whose types and conditions fit.

use std::sync::Arc;

use transfuse_message::{Message, is_of_type};
use transfuse_sandbox::{Content, Output};
use transfuse_store::{NewOutput, Sealed, StoredFault};

use crate::condition::{Condition, Facts, Undecided};
use crate::control_ids::ControlIds;
use crate::settings::InterfaceSettings;

/// The destinations of a revision, as routing sees them.
#[derive(Debug)]
pub(crate) struct Routing {
    routes: Vec<Route>,
    /// Takes acknowledgements, and nothing else unless its types ask for it.
    acknowledgements: Option<Arc<str>>,
}

#[derive(Debug)]
struct Route {
    destination: Arc<str>,
    /// Empty for all.
    types: Vec<String>,
    /// None for all.
    when: Option<Condition>,
}

/// Why an output goes nowhere.
#[derive(Debug)]
pub(crate) enum Unroutable {
    Named(NoSuchDestination),
    Undecided { destination: Arc<str>, reason: String },
}

/// An output and where it goes.
#[derive(Debug)]
pub(crate) struct Routed {
    pub(crate) content: Content,
    pub(crate) destinations: Vec<Arc<str>>,
    /// What stopped it on its way there.
    pub(crate) stopped: Option<StoredFault>,
}

/// A plugin names a destination that there is not.
#[derive(Debug)]
pub(crate) struct NoSuchDestination {
    /// The plugin's choice: it may be anything that it has read.
    pub(crate) named: String,
    pub(crate) known: Vec<Arc<str>>,
}

impl Routing {
    pub(crate) fn of(settings: &InterfaceSettings) -> Self {
        let routes = settings.destinations.iter().map(|one| Route {
            destination: Arc::clone(&one.name),
            types: one.types.clone(),
            when: one.when.clone(),
        });
        Self {
            routes: routes.collect(),
            acknowledgements: settings.application_acknowledgements.clone(),
        }
    }

    /// Whether an output is an acknowledgement, and not what a chain made.
    pub(crate) fn is_acknowledgement(&self, destinations: &[Arc<str>]) -> bool {
        matches!((destinations, &self.acknowledgements), ([one], Some(own)) if one == own)
    }

    /// Finds the destinations of each output. The attributes are those that plugins have set.
    pub(crate) fn route(
        &self,
        outputs: Vec<Output>,
        attributes: &[(String, String)],
    ) -> Result<Vec<Routed>, Unroutable> {
        let route = |Output { content, to }| {
            let destinations = match &content {
                Content::Message(message) => self.named_or(&to, || self.fitting(message, attributes)),
                Content::Document(_) => self.named_or(&to, || self.of_any_type(attributes)),
            }?;
            Ok(Routed {
                content,
                destinations,
                stopped: None,
            })
        };
        outputs.into_iter().map(route).collect()
    }

    fn fitting(&self, message: &Message, attributes: &[(String, String)]) -> Result<Vec<Arc<str>>, Unroutable> {
        let message_type = message.header().message_type();
        self.destinations(|one| one.takes(&message_type), || Facts::of(Some(message), attributes))
    }

    /// The destinations that route by no message type, which a document has not.
    fn of_any_type(&self, attributes: &[(String, String)]) -> Result<Vec<Arc<str>>, Unroutable> {
        self.destinations(Route::takes_all, || Facts::of(None, attributes))
    }

    fn destinations(
        &self,
        takes: impl Fn(&Route) -> bool,
        facts: impl Fn() -> Facts,
    ) -> Result<Vec<Arc<str>>, Unroutable> {
        let is_for_messages =
            |one: &Route| !one.takes_all() || self.acknowledgements.as_ref() != Some(&one.destination);
        let (mut fit, mut asked) = (Vec::new(), None);
        for one in self.routes.iter().filter(|one| takes(one) && is_for_messages(one)) {
            if one.is_meant(|| asked.get_or_insert_with(&facts))? {
                fit.push(Arc::clone(&one.destination));
            }
        }
        Ok(fit)
    }

    /// Those that a plugin has named, or where it has named none, those that fit.
    fn named_or(
        &self,
        to: &[String],
        fitting: impl FnOnce() -> Result<Vec<Arc<str>>, Unroutable>,
    ) -> Result<Vec<Arc<str>>, Unroutable> {
        if to.is_empty() {
            return fitting();
        }
        self.named(to).map_err(Unroutable::Named)
    }

    fn named(&self, names: &[String]) -> Result<Vec<Arc<str>>, NoSuchDestination> {
        let mut known = self.routes.iter().map(|one| &one.destination);
        names
            .iter()
            .map(|name| {
                let found = known.clone().find(|known| ***known == **name);
                found.cloned().ok_or_else(|| NoSuchDestination {
                    named: name.clone(),
                    known: known.by_ref().cloned().collect(),
                })
            })
            .collect()
    }
}

/// What is sent, with control ids of its own for what one destination gets several of.
pub(crate) fn seal(outputs: Vec<Routed>) -> Vec<NewOutput> {
    // One output alone cannot be mistaken for another.
    let mut control_ids = (outputs.len() > 1).then(ControlIds::default);
    let seal = |routed: Routed| {
        let Routed {
            content,
            destinations,
            stopped,
        } = routed;
        let (content, content_type) = match content {
            Content::Message(mut message) => {
                // Where the source's set won over MSH-18, the receiver has to hear of it; otherwise no byte changes.
                message.declare_charset();
                // What was stopped has its id too: replayed, it must not get that of another.
                if let Some(control_ids) = &mut control_ids {
                    control_ids.tell_apart(&mut message, &destinations);
                }
                (Sealed::from(message.encode()), None)
            }
            Content::Document(document) => (
                Sealed::from(document.body.into_bytes()),
                Some(document.content_type.into()),
            ),
        };
        NewOutput {
            content,
            content_type,
            destinations,
            stopped,
        }
    };
    outputs.into_iter().map(seal).collect()
}

impl Route {
    fn takes_all(&self) -> bool {
        self.types.is_empty()
    }

    /// Whether its condition holds, where it has one.
    fn is_meant<'f>(&self, facts: impl FnOnce() -> &'f mut Facts) -> Result<bool, Unroutable> {
        let Some(when) = &self.when else { return Ok(true) };
        when.holds(facts()).map_err(|Undecided(reason)| Unroutable::Undecided {
            destination: Arc::clone(&self.destination),
            reason,
        })
    }

    fn takes(&self, message_type: &str) -> bool {
        self.takes_all() || self.types.iter().any(|wanted| is_of_type(message_type, wanted))
    }
}
