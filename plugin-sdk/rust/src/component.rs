//! What `#[transform]` expands to calls this. Not for plugins: it may change with any version.
//!
//! An author's function and the step's configuration become one closure when the host calls `init`; each message then
//! runs that closure. An instance lives for one message unless the interface asks for reuse, so preparing is cheap:
//! a plugin without configuration parses nothing.

#[cfg(target_family = "wasm")]
mod export;
#[cfg(target_family = "wasm")]
mod mark;

use serde::de::DeserializeOwned;

use crate::config;
use crate::exchange::Exchange;
use crate::outcome::Outcome;

#[cfg(target_family = "wasm")]
pub use export::{init, transform};

/// An author's function with its configuration.
pub type Prepared = Box<dyn Fn(&Exchange) -> Outcome>;

/// The shapes of a function that `#[transform]` accepts, told apart by `Shape`.
pub trait Transform<Shape> {
    /// Joins the function with its configuration. The error is for the person who wrote the configuration.
    fn prepare(self, config: &[u8]) -> Result<Prepared, String>;
}

/// `fn name(exchange: &Exchange) -> Outcome`
#[derive(Debug)]
pub struct WithoutConfig;

/// `fn name(exchange: &Exchange, config: &Config) -> Outcome`
#[derive(Debug)]
pub struct WithConfig<Config>(std::marker::PhantomData<Config>);

impl<Function> Transform<WithoutConfig> for Function
where
    Function: Fn(&Exchange) -> Outcome + 'static,
{
    fn prepare(self, config: &[u8]) -> Result<Prepared, String> {
        config::refuse(config)?;
        Ok(Box::new(self))
    }
}

impl<Function, Config> Transform<WithConfig<Config>> for Function
where
    Function: Fn(&Exchange, &Config) -> Outcome + 'static,
    Config: DeserializeOwned + 'static,
{
    fn prepare(self, config: &[u8]) -> Result<Prepared, String> {
        let config: Config = config::read(config)?;
        Ok(Box::new(move |exchange| self(exchange, &config)))
    }
}

/// What stands as the first argument of a plugin's function.
#[diagnostic::on_unimplemented(
    message = "a plugin's function is given the exchange, not `{Self}`",
    label = "write `Exchange`",
    note = "a plugin's function looks like one of these:",
    note = "    fn name(exchange: &Exchange) -> Outcome",
    note = "    fn name(exchange: &Exchange, config: &Config) -> Outcome"
)]
pub trait IsExchange {}

impl IsExchange for Exchange<'_> {}

/// What a plugin's function returns.
#[diagnostic::on_unimplemented(
    message = "a plugin's function returns what became of the message, not `{Self}`",
    label = "write `Outcome`",
    note = "a plugin's function looks like one of these:",
    note = "    fn name(exchange: &Exchange) -> Outcome",
    note = "    fn name(exchange: &Exchange, config: &Config) -> Outcome"
)]
pub trait IsOutcome {}

impl IsOutcome for Outcome {}

/// What stands as the second argument of a plugin's function.
#[diagnostic::on_unimplemented(
    message = "a configuration has to be readable, and `{Self}` is not",
    label = "`#[derive(serde::Deserialize)]` on this type is missing"
)]
pub trait IsConfig {}

impl<Config: DeserializeOwned + 'static> IsConfig for Config {}

/// Stands in the expansion beside the type of the first argument, so that the compiler's complaint points there.
pub const fn is_exchange<Type: IsExchange + ?Sized>() {}

/// The same for what the function returns.
pub const fn is_outcome<Type: IsOutcome>() {}

/// The same for the type of a configuration.
pub const fn is_config<Type: IsConfig>() {}
