//! Where outputs go: to the destinations that a plugin names, or to those whose types fit.

use std::sync::Arc;

use transfuse_message::{Message, is_of_type};
use transfuse_sandbox::{Content, Output};
use transfuse_store::{NewOutput, Sealed};

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

    /// Finds the destinations of each output.
    pub(crate) fn route(&self, outputs: Vec<Output>) -> Result<Vec<NewOutput>, NoSuchDestination> {
        // One output alone cannot be mistaken for another.
        let mut control_ids = (outputs.len() > 1).then(ControlIds::default);
        outputs
            .into_iter()
            .map(|Output { content, to }| {
                let named = (!to.is_empty()).then(|| self.named(&to)).transpose()?;
                Ok(match content {
                    Content::Message(mut message) => {
                        // Where the source's set won over MSH-18, the receiver has to hear of it; otherwise no byte changes.
                        message.declare_charset();
                        let destinations = named.unwrap_or_else(|| self.fitting(&message));
                        if let Some(control_ids) = &mut control_ids {
                            control_ids.tell_apart(&mut message, &destinations);
                        }
                        NewOutput {
                            destinations,
                            content: Sealed::from(message.encode()),
                            content_type: None,
                        }
                    }
                    Content::Document(document) => NewOutput {
                        destinations: named.unwrap_or_else(|| self.of_any_type()),
                        content: Sealed::from(document.body.into_bytes()),
                        content_type: Some(document.content_type.into()),
                    },
                })
            })
            .collect()
    }

    fn fitting(&self, message: &Message) -> Vec<Arc<str>> {
        let message_type = message.header().message_type();
        self.destinations(|one| one.takes(&message_type))
    }

    /// The destinations that route by no message type, which a document has not.
    fn of_any_type(&self) -> Vec<Arc<str>> {
        self.destinations(Route::takes_all)
    }

    fn destinations(&self, takes: impl Fn(&Route) -> bool) -> Vec<Arc<str>> {
        let is_for_messages =
            |one: &Route| !one.takes_all() || self.acknowledgements.as_ref() != Some(&one.destination);
        let fit = self.routes.iter().filter(|one| takes(one) && is_for_messages(one));
        fit.map(|one| Arc::clone(&one.destination)).collect()
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

impl Route {
    fn takes_all(&self) -> bool {
        self.types.is_empty()
    }

    fn takes(&self, message_type: &str) -> bool {
        self.takes_all() || self.types.iter().any(|wanted| is_of_type(message_type, wanted))
    }
}
