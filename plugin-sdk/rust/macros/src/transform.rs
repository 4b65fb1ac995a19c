//! `#[transform]`.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Error, FnArg, ItemFn, ReturnType, Safety, Signature, Type, TypeReference};

const SIGNATURES: &str = "a plugin's function looks like one of these:

    fn name(exchange: &Exchange) -> Outcome
    fn name(exchange: &Exchange, config: &Config) -> Outcome";

/// The function as its author wrote it, and beside it either the component or what is wrong with the signature.
pub(crate) fn expand(attribute: &TokenStream, item: &TokenStream) -> TokenStream {
    let beside = match component(attribute, item) {
        Ok(component) => component,
        Err(error) => error.into_compile_error(),
    };
    quote! { #item #beside }
}

fn component(attribute: &TokenStream, item: &TokenStream) -> Result<TokenStream, Error> {
    if !attribute.is_empty() {
        return Err(Error::new(
            attribute.span(),
            "`#[transform]` takes no arguments: configuration is the function's second argument",
        ));
    }
    let function: ItemFn = syn::parse2(item.clone()).map_err(|_| {
        Error::new(
            item.span(),
            format!("`#[transform]` stands on a function; {SIGNATURES}"),
        )
    })?;
    let arguments = Arguments::of(&function.sig)?;
    Ok(export(&function.sig, &arguments))
}

struct Arguments<'a> {
    exchange: &'a Type,
    config: Option<&'a Type>,
    output: &'a Type,
}

impl<'a> Arguments<'a> {
    fn of(signature: &'a Signature) -> Result<Self, Error> {
        refuse_qualifiers(signature)?;
        let ReturnType::Type(_, output) = &signature.output else {
            return Err(wrong(
                signature.paren_token.span.close(),
                "the function returns nothing",
            ));
        };
        let mut inputs = signature.inputs.iter();
        let exchange = inputs
            .next()
            .ok_or_else(|| wrong(signature.paren_token.span.join(), "the exchange is missing"))?;
        let exchange = borrowed(exchange, "the exchange is passed as `&Exchange`")?;
        let config = inputs
            .next()
            .map(|config| borrowed(config, "the configuration is passed as `&Config`"))
            .transpose()?;
        match inputs.next() {
            Some(extra) => Err(wrong(extra.span(), "there are too many arguments")),
            None => Ok(Self {
                exchange,
                config,
                output,
            }),
        }
    }
}

fn refuse_qualifiers(signature: &Signature) -> Result<(), Error> {
    if let Some(asyncness) = &signature.asyncness {
        return Err(wrong(
            asyncness.span(),
            "the function cannot be async: the host waits for nothing but its result",
        ));
    }
    if let Safety::Unsafe(unsafe_token) = &signature.safety {
        return Err(wrong(unsafe_token.span(), "the function cannot be unsafe"));
    }
    if !signature.generics.params.is_empty() {
        return Err(wrong(signature.generics.span(), "the function cannot be generic"));
    }
    Ok(())
}

/// The type behind the shared reference that an argument must be.
fn borrowed<'a>(argument: &'a FnArg, complaint: &str) -> Result<&'a Type, Error> {
    match argument {
        FnArg::Typed(argument) => match argument.ty.as_ref() {
            Type::Reference(TypeReference {
                mutability: None, elem, ..
            }) => Ok(elem),
            other => Err(wrong(other.span(), complaint)),
        },
        FnArg::Receiver(receiver) => Err(wrong(receiver.span(), "the function stands on its own, without `self`")),
    }
}

fn wrong(span: Span, complaint: &str) -> Error {
    Error::new(span, format!("{complaint}; {SIGNATURES}"))
}

fn export(signature: &Signature, arguments: &Arguments<'_>) -> TokenStream {
    let name = &signature.ident;
    let checks = type_checks(arguments);
    quote! {
        const _: () = {
            #checks

            #[cfg(target_family = "wasm")]
            struct Component;

            #[cfg(target_family = "wasm")]
            impl ::transfuse_plugin::wit::exports::transfuse::plugin::transformer::Guest for Component {
                fn init(config: ::std::vec::Vec<u8>) -> ::core::result::Result<(), ::std::string::String> {
                    ::transfuse_plugin::component::init(#name, &config)
                }

                fn transform(
                    exchange: &::transfuse_plugin::wit::transfuse::plugin::exchanges::Exchange,
                ) -> ::core::result::Result<(), ::transfuse_plugin::wit::transfuse::plugin::exchanges::Rejection> {
                    ::transfuse_plugin::component::transform(exchange)
                }
            }

            #[cfg(target_family = "wasm")]
            ::transfuse_plugin::wit::export!(Component with_types_in ::transfuse_plugin::wit);

            // Only a component calls the function; elsewhere this keeps it from being reported as unused.
            #[cfg(not(target_family = "wasm"))]
            let _ = #name;
        };

        // Two of these in one module are an error whose text says what is wrong.
        #[doc(hidden)]
        mod __a_crate_is_one_plugin_and_has_one_transform {}
    }
}

/// Statements that hold for the right types and point at the author's own token for the wrong ones.
fn type_checks(arguments: &Arguments<'_>) -> TokenStream {
    let Arguments {
        exchange,
        config,
        output,
    } = arguments;
    let exchange_check = quote_spanned! {exchange.span()=>
        ::transfuse_plugin::component::is_exchange::<#exchange>();
    };
    let output_check = quote_spanned! {output.span()=>
        ::transfuse_plugin::component::is_outcome::<#output>();
    };
    let config_check = config.map(|config| {
        quote_spanned! {config.span()=>
            ::transfuse_plugin::component::is_config::<#config>();
        }
    });
    quote! { #exchange_check #output_check #config_check }
}
