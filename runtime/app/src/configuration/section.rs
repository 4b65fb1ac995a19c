//! Reading one TOML table: what the file says, taken key by key.
//!
//! A derived deserialiser stops at the first thing it dislikes. A person who repairs an interface wants to see all of
//! it, so a section is asked for each key, reports what is wrong with that key, and goes on; what nobody asked for is
//! an unknown key.

mod json;
mod overlay;
mod parse;
mod tables;

use std::ops::{Range, RangeInclusive};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::document::{Document, Located, Place};
use super::fault::Faults;
use super::resolved::Rate;
use super::{quantity, suggest};

pub(crate) use overlay::Overlay;
pub(crate) use parse::{parse, parse_with};

/// A table of a document, with a memory of which keys were asked for.
pub(crate) struct Section<'d> {
    document: &'d Arc<Document>,
    faults: &'d Faults,
    table: &'d DeTable<'d>,
    place: Place,
    /// How messages call this table: `[source]`, or `the file`.
    title: &'static str,
    asked: Vec<&'static str>,
    missing: Vec<&'static str>,
    overlay: Option<Overlay<'d>>,
}

impl<'d> Section<'d> {
    /// The table that the whole document is.
    pub(crate) fn root(document: &'d Arc<Document>, table: &'d DeTable<'d>, faults: &'d Faults) -> Self {
        Self::new(document, faults, table, 0..0, "the file")
    }

    fn new(
        document: &'d Arc<Document>,
        faults: &'d Faults,
        table: &'d DeTable<'d>,
        span: Range<usize>,
        title: &'static str,
    ) -> Self {
        let place = Place::new(document, span);
        Self {
            document,
            faults,
            table,
            place,
            title,
            asked: Vec::new(),
            missing: Vec::new(),
            overlay: None,
        }
    }

    /// The same table with these keys in front of its own.
    pub(crate) fn under(self, overlay: Option<Overlay<'d>>) -> Self {
        Self { overlay, ..self }
    }

    /// Some of this table's keys, to be put in front of another's.
    pub(crate) fn into_overlay(self, keys: &'static [&'static str]) -> Overlay<'d> {
        Overlay {
            document: self.document,
            table: self.table,
            keys,
        }
    }

    /// The keys as they are written, whatever their values are.
    pub(crate) fn keys(&self) -> Vec<Located<String>> {
        let keys = self.table.keys();
        keys.map(|key| Located {
            value: key.get_ref().to_string(),
            place: Place::new(self.document, key.span()),
        })
        .collect()
    }

    /// Where the table begins.
    pub(crate) fn place(&self) -> &Place {
        &self.place
    }

    pub(crate) fn faults(&self) -> &'d Faults {
        self.faults
    }

    /// Whether the key is written, with whatever value.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.written(key).is_some()
    }

    /// A text as it is written, without a word about it where it is none: the key is still to be asked for.
    pub(crate) fn peek(&self, key: &str) -> Option<&'d str> {
        self.table.get(key).and_then(|value| value.get_ref().as_str())
    }

    pub(crate) fn text(&mut self, key: &'static str) -> Option<Located<String>> {
        let (value, place) = self.value(key)?;
        let text = value.as_str().map(str::to_owned);
        self.typed(key, value, place, text, "text in quotes")
    }

    /// A text that must be there and must not be empty.
    pub(crate) fn required_text(&mut self, key: &'static str) -> Option<Located<String>> {
        self.require(key);
        let text = self.text(key)?;
        if text.value.trim().is_empty() {
            self.faults.at(&text.place, format!("`{key}` is empty"));
            return None;
        }
        Some(text)
    }

    pub(crate) fn flag(&mut self, key: &'static str) -> Option<bool> {
        self.located_flag(key).map(|flag| flag.value)
    }

    pub(crate) fn located_flag(&mut self, key: &'static str) -> Option<Located<bool>> {
        let (value, place) = self.value(key)?;
        self.typed(key, value, place, value.as_bool(), "`true` or `false`")
    }

    /// A path, relative to the site folder or absolute.
    pub(crate) fn path(&mut self, key: &'static str) -> Option<Located<PathBuf>> {
        let text = self.text(key)?;
        if text.value.trim().is_empty() {
            self.faults.at(&text.place, format!("`{key}` is empty"));
            return None;
        }
        Some(Located {
            value: PathBuf::from(text.value),
            place: text.place,
        })
    }

    /// A folder that must be named, and must exist: making one would hide a share that is not mounted.
    pub(crate) fn required_existing_folder(&mut self, key: &'static str, site: &Path) -> Option<Located<PathBuf>> {
        self.require(key);
        let folder = self.path(key)?;
        if site.join(&folder.value).is_dir() {
            return Some(folder);
        }
        let message = format!("there is no folder `{}`", folder.value.display());
        let hint = format!(
            "make it (`mkdir -p {}`), or mount the share that it is on",
            site.join(&folder.value).display()
        );
        self.faults.at_with_hint(&folder.place, message, hint);
        None
    }

    /// A whole number within `range`.
    pub(crate) fn count(&mut self, key: &'static str, range: &RangeInclusive<u64>) -> Option<u64> {
        self.located_count(key, range).map(|count| count.value)
    }

    pub(crate) fn located_count(&mut self, key: &'static str, range: &RangeInclusive<u64>) -> Option<Located<u64>> {
        let (value, place) = self.value(key)?;
        let number = value
            .as_integer()
            .and_then(|integer| i128::from_str_radix(integer.as_str(), integer.radix()).ok());
        let number = self.typed(key, value, place, number, "a whole number")?;
        match u64::try_from(number.value).ok().filter(|count| range.contains(count)) {
            Some(value) => Some(Located {
                value,
                place: number.place,
            }),
            None => self.outside(key, &number.place, &number.value.to_string(), range, u64::to_string),
        }
    }

    /// A duration such as `100ms`, within `range`.
    pub(crate) fn duration(&mut self, key: &'static str, range: &RangeInclusive<Duration>) -> Option<Duration> {
        let text = self.text(key)?;
        self.measured(key, &text, quantity::duration(&text.value), range, |limit| {
            quantity::show_duration(*limit)
        })
    }

    /// A size such as `32MiB`, in bytes, within `range`.
    pub(crate) fn size(&mut self, key: &'static str, range: &RangeInclusive<u64>) -> Option<u64> {
        let text = self.text(key)?;
        self.measured(key, &text, quantity::size(&text.value), range, |limit| {
            quantity::show_size(*limit)
        })
    }

    /// A share such as `0.5%`, in thousandths, within `range`.
    pub(crate) fn per_mille(&mut self, key: &'static str, range: &RangeInclusive<u64>) -> Option<u64> {
        let text = self.text(key)?;
        self.measured(key, &text, quantity::per_mille(&text.value), range, |limit| {
            quantity::show_per_mille(*limit)
        })
    }

    /// One of a few words.
    pub(crate) fn choice<T: Copy>(&mut self, key: &'static str, choices: &[(&str, T)]) -> Option<Located<T>> {
        let text = self.text(key)?;
        self.chosen(key, text, choices)
    }

    fn chosen<T: Copy>(&self, key: &str, text: Located<String>, choices: &[(&str, T)]) -> Option<Located<T>> {
        if let Some((_, choice)) = choices.iter().find(|(word, _)| *word == text.value) {
            return Some(Located {
                value: *choice,
                place: text.place,
            });
        }
        let words: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
        let message = format!("`{key}` cannot be `{}`; it is {}", text.value, suggest::either(&words));
        let hint = suggest::nearest(&text.value, words).map(|word| format!("did you mean `{word}`?"));
        self.faults
            .at_with_hints(&text.place, message, hint.into_iter().collect());
        None
    }

    /// A rate such as `20/s`.
    pub(crate) fn rate(&mut self, key: &'static str) -> Option<Rate> {
        let text = self.text(key)?;
        match quantity::rate(&text.value) {
            Ok(rate) => Some(rate),
            Err(message) => {
                self.faults.at(&text.place, format!("`{key}`: {message}"));
                None
            }
        }
    }

    /// The entries of a table whose keys are anything and whose values are one of a few words.
    pub(crate) fn named_choices<T: Copy>(
        &mut self,
        key: &'static str,
        title: &'static str,
        choices: &[(&str, T)],
    ) -> Vec<(Located<String>, T)> {
        let texts = self.named_texts(key, title).into_iter();
        let chosen = texts.filter_map(|(name, text)| {
            let choice = self.chosen(&name.value, text, choices)?;
            Some((name, choice.value))
        });
        chosen.collect()
    }

    pub(crate) fn required_choice<T: Copy>(&mut self, key: &'static str, choices: &[(&str, T)]) -> Option<Located<T>> {
        self.require(key);
        self.choice(key, choices)
    }

    /// A list of texts; faulty elements are reported and left out.
    pub(crate) fn texts(&mut self, key: &'static str) -> Option<Vec<Located<String>>> {
        let (value, place) = self.value(key)?;
        let elements = value.as_array().map(|array| array.iter().collect::<Vec<_>>());
        let elements = self.typed(key, value, place, elements, "a list of texts")?;
        let mut texts = Vec::with_capacity(elements.value.len());
        for element in elements.value {
            let place = elements.place.elsewhere(element.span());
            match element.get_ref().as_str() {
                Some(text) => texts.push(Located {
                    value: text.to_owned(),
                    place,
                }),
                None => self.faults.at(
                    &place,
                    format!("`{key}` lists {}, but must list only texts", kind(element.get_ref())),
                ),
            }
        }
        Some(texts)
    }

    /// Where the value of a key was written; the table where it was not.
    pub(crate) fn place_of(&self, key: &str) -> Place {
        match self.written(key) {
            Some((document, value)) => Place::new(document, value.span()),
            None => self.place.clone(),
        }
    }

    /// Whether one of these keys was written, soundly or not.
    pub(crate) fn has_any(&self, keys: &[&str]) -> bool {
        keys.iter().any(|key| self.table.contains_key(*key))
    }

    /// Marks a key as one that must be there. It is reported by `finish`, unless a misspelling of it is.
    pub(crate) fn require(&mut self, key: &'static str) {
        if !self.has(key) {
            self.missing.push(key);
        }
    }

    /// Reports the keys that nobody asked for, and those that are missing.
    pub(crate) fn finish(mut self) {
        for (key, _) in self.table {
            let name = key.get_ref().as_ref();
            if self.asked.contains(&name) {
                continue;
            }
            let near = suggest::nearest(name, self.asked.iter().copied());
            self.missing.retain(|missing| Some(*missing) != near);
            self.faults.at_with_hints(
                &Place::new(self.document, key.span()),
                format!("unknown key `{name}` in {}", self.title),
                suggest::hints(name, "key", &self.asked),
            );
        }
        for key in &self.missing {
            self.faults.at(&self.place, format!("{} needs `{key}`", self.title));
        }
        self.refuse_idle_overlay();
    }

    /// What stands in front of nothing.
    fn refuse_idle_overlay(&self) {
        let Some(overlay) = self.overlay else { return };
        let idle = overlay.keys.iter().filter(|key| !self.asked.contains(key));
        for (key, value) in idle.filter_map(|key| Some((key, overlay.get(key)?))) {
            let message = format!("{} at {} is of a type that has no `{key}`", self.title, self.place);
            self.faults.at(&Place::new(overlay.document, value.span()), message);
        }
    }

    fn value(&mut self, key: &'static str) -> Option<(&'d DeValue<'d>, Place)> {
        self.asked.push(key);
        let (document, value) = self.written(key)?;
        Some((value.get_ref(), Place::new(document, value.span())))
    }

    /// What a key is, and in which document.
    fn written(&self, key: &str) -> Option<(&'d Arc<Document>, &'d Spanned<DeValue<'d>>)> {
        let overlaid = self
            .overlay
            .and_then(|overlay| Some((overlay.document, overlay.get(key)?)));
        overlaid.or_else(|| Some((self.document, self.table.get(key)?)))
    }

    fn typed<T>(
        &self,
        key: &str,
        found: &DeValue<'_>,
        place: Place,
        value: Option<T>,
        expected: &str,
    ) -> Option<Located<T>> {
        if value.is_none() {
            self.faults
                .at(&place, format!("`{key}` is {}, but must be {expected}", kind(found)));
        }
        value.map(|value| Located { value, place })
    }

    fn measured<T: PartialOrd>(
        &self,
        key: &str,
        text: &Located<String>,
        read: Result<T, String>,
        range: &RangeInclusive<T>,
        show: impl Fn(&T) -> String,
    ) -> Option<T> {
        match read {
            Ok(value) if range.contains(&value) => Some(value),
            Ok(value) => self.outside(key, &text.place, &show(&value), range, show),
            Err(message) => {
                self.faults.at(&text.place, format!("`{key}`: {message}"));
                None
            }
        }
    }

    fn outside<T, U>(
        &self,
        key: &str,
        place: &Place,
        shown: &str,
        range: &RangeInclusive<T>,
        show: impl Fn(&T) -> String,
    ) -> Option<U> {
        let (least, most) = (show(range.start()), show(range.end()));
        self.faults
            .at(place, format!("`{key}` is {shown}, but must be from {least} to {most}"));
        None
    }
}

/// A value's kind, with its article.
fn kind(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a fraction",
        DeValue::Boolean(_) => "a truth value",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}
