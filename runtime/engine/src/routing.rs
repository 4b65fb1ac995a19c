//! Where outputs go: to the destinations that a plugin names, or to those whose types and conditions fit.

use std::sync::Arc;

use transfuse_message::{Message, is_of_type};
use transfuse_sandbox::{Content, Output};
use transfuse_store::{NewOutput, Sealed};

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
    ) -> Result<Vec<NewOutput>, Unroutable> {
        // One output alone cannot be mistaken for another.
        let mut control_ids = (outputs.len() > 1).then(ControlIds::default);
        outputs
            .into_iter()
            .map(|Output { content, to }| {
                Ok(match content {
                    Content::Message(mut message) => {
                        // Where the source's set won over MSH-18, the receiver has to hear of it; otherwise no byte changes.
                        message.declare_charset();
                        let destinations = self.named_or(&to, || self.fitting(&message, attributes))?;
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
                        destinations: self.named_or(&to, || self.of_any_type(attributes))?,
                        content: Sealed::from(document.body.into_bytes()),
                        content_type: Some(document.content_type.into()),
                    },
                })
            })
            .collect()
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
