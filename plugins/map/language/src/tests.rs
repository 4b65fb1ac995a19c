//! The language as a whole; its errors and its pages have files of their own below.

mod errors;
mod lab;
mod pages;
mod requests;
mod statements;

use transfuse_plugin::prelude::*;
use transfuse_plugin::testing::{End, Input, Report};

use crate::Config;

fn map(exchange: &Exchange, config: &Config<Table>) -> Outcome {
    config.run(exchange)
}

/// The configuration of a mapping, with parameters as JSON.
fn config(mapping: &str, parameters: &str) -> String {
    let mapping = serde_json::Value::from(mapping);
    let separator = if parameters.is_empty() { "" } else { ", " };
    format!(r#"{{"mapping": {mapping}{separator}{parameters}}}"#)
}

fn run(mapping: &str, input: Input) -> Report {
    input.config(config(mapping, "")).run(map)
}

/// What comes out of a message, one segment a line.
fn mapped(mapping: &str, message: &str) -> String {
    run(mapping, Input::hl7(message)).forwarded_once()
}

/// What is wrong with a mapping.
fn complaint(mapping: &str) -> String {
    complaint_about(mapping, "")
}

fn complaint_about(mapping: &str, parameters: &str) -> String {
    let input =
        Input::hl7("MSH|^~\\&|LAB").table("lab-codes", ["local", "loinc", "unit"], &[["GLU", "14749-6", "mmol/L"]]);
    match input.config(config(mapping, parameters)).run(map).end {
        End::Misconfigured(text) => text,
        other => panic!("the mapping is sound: {other:?}"),
    }
}
