//! The attribute of the plugin SDK. Use it through `transfuse_plugin::transform`.

mod transform;

use proc_macro::TokenStream;

/// Makes a plugin of a function.
///
/// The function has one of these two signatures:
///
/// ```ignore
/// fn name(exchange: &Exchange) -> Outcome
/// fn name(exchange: &Exchange, config: &Config) -> Outcome
/// ```
///
/// `Config` is any type with `serde::Deserialize`; the host checks the step's configuration against it before the
/// interface starts.
///
/// # Generated code
///
/// The function stays as it is. Beside it appears one unnamed constant, which exports the function as a WebAssembly
/// component when the crate is built for WebAssembly, and otherwise holds only the checks of its types. A crate is one
/// plugin: a second `#[transform]` in the same module is refused by the compiler, elsewhere by the linker.
#[proc_macro_attribute]
pub fn transform(attribute: TokenStream, item: TokenStream) -> TokenStream {
    transform::expand(&attribute.into(), &item.into()).into()
}
