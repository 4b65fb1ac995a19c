//! The tables within a table.

use super::{Section, kind};
use crate::configuration::document::{Located, Place};

impl<'d> Section<'d> {
    pub(crate) fn section(&mut self, key: &'static str, title: &'static str) -> Option<Section<'d>> {
        let (value, place) = self.value(key)?;
        let span = place.clone();
        let table = self.typed(key, value, place, value.as_table(), "a table")?.value;
        let document = self.written(key).map_or(self.document, |(document, _)| document);
        Some(Self {
            place: span,
            ..Self::new(document, self.faults, table, 0..0, title)
        })
    }

    /// A section that must be there.
    pub(crate) fn required_section(&mut self, key: &'static str, title: &'static str) -> Option<Section<'d>> {
        self.require(key);
        self.section(key, title)
    }

    /// The tables of an array of tables (`[[steps]]`), in the order of the file.
    pub(crate) fn sections(&mut self, key: &'static str, title: &'static str) -> Vec<Section<'d>> {
        let Some((value, place)) = self.value(key) else {
            return Vec::new();
        };
        let elements = value.as_array().map(|array| array.iter().collect::<Vec<_>>());
        let Some(elements) = self.typed(key, value, place, elements, "a list of tables") else {
            return Vec::new();
        };
        let mut sections = Vec::with_capacity(elements.value.len());
        for element in elements.value {
            let place = Place::new(self.document, element.span());
            if let Some(table) = self.typed(key, element.get_ref(), place, element.get_ref().as_table(), "a table") {
                sections.push(Self::new(
                    self.document,
                    self.faults,
                    table.value,
                    element.span(),
                    title,
                ));
            }
        }
        sections
    }

    /// The tables within a table, each with the name that is its key. The line of what is no table is not shown, because
    /// anything may stand there.
    pub(crate) fn named_sections(
        &mut self,
        key: &'static str,
        title: &'static str,
        hint: &str,
    ) -> Vec<(Located<String>, Section<'d>)> {
        let Some(within) = self.section(key, title) else {
            return Vec::new();
        };
        let mut sections = Vec::new();
        for (name, value) in within.table {
            let place = Place::new(self.document, name.span());
            let Some(table) = value.get_ref().as_table() else {
                let kind = kind(value.get_ref());
                let message = format!("`{}` in {title} is {kind}, but must be a table", name.get_ref());
                self.faults.in_row(place.file(), place.position().line, message, hint);
                continue;
            };
            let name = Located {
                value: name.get_ref().to_string(),
                place: place.clone(),
            };
            let section = Self::new(self.document, self.faults, table, 0..0, title);
            sections.push((name, Self { place, ..section }));
        }
        sections
    }

    /// The entries of a table whose keys are anything and whose values are texts.
    pub(crate) fn named_texts(
        &mut self,
        key: &'static str,
        title: &'static str,
    ) -> Vec<(Located<String>, Located<String>)> {
        let Some(within) = self.section(key, title) else {
            return Vec::new();
        };
        let texts = within.keys().into_iter().filter_map(|name| {
            let (document, value) = within.written(&name.value)?;
            let place = Place::new(document, value.span());
            let text = value.get_ref().as_str().map(str::to_owned);
            let text = within.typed(&name.value, value.get_ref(), place, text, "text in quotes")?;
            Some((name, text))
        });
        texts.collect()
    }

    /// The tables of a key that holds one table or a list of them.
    pub(crate) fn one_or_more(&mut self, key: &'static str, title: &'static str) -> Vec<Section<'d>> {
        if self.holds_table(key) {
            self.section(key, title).into_iter().collect()
        } else {
            self.sections(key, title)
        }
    }

    /// Whether the value of a key is a list without entries.
    pub(crate) fn is_empty_list(&self, key: &str) -> bool {
        let list = self.table.get(key).and_then(|value| value.get_ref().as_array());
        list.is_some_and(|list| list.is_empty())
    }

    /// Whether the value of a key is a table.
    pub(crate) fn holds_table(&self, key: &str) -> bool {
        self.table.get(key).is_some_and(|value| value.get_ref().is_table())
    }
}
