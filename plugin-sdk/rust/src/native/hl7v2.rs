//! `transfuse:plugin/hl7v2`.

use std::cell::RefCell;

use transfuse_message::schema::Definition;
use transfuse_message::{FieldPath, ParseOptions, Path};

use super::time;

#[derive(Debug)]
pub(crate) struct PathError {
    pub(crate) code: String,
    pub(crate) path: String,
    pub(crate) text: String,
}

#[derive(Debug)]
pub(crate) struct ParseError {
    pub(crate) code: String,
    pub(crate) offset: u64,
    pub(crate) text: String,
}

/// The functions of the contract take a shared handle, hence the cell.
#[derive(Debug)]
pub(crate) struct Message {
    content: RefCell<transfuse_message::Message>,
}

impl Message {
    pub(crate) fn new(content: transfuse_message::Message) -> Self {
        Self {
            content: RefCell::new(content),
        }
    }

    pub(crate) fn content(&self) -> transfuse_message::Message {
        self.content.borrow().clone()
    }

    pub(crate) fn parse(raw: &[u8]) -> Result<Self, ParseError> {
        let parsed = transfuse_message::Message::parse(raw.to_vec(), &ParseOptions::default());
        parsed.map(Self::new).map_err(|error| ParseError {
            code: error.code().to_owned(),
            offset: error.offset(),
            text: error.to_string(),
        })
    }

    pub(crate) fn copy(&self) -> Self {
        Self::new(self.content())
    }

    pub(crate) fn get(&self, path: &str) -> Result<Option<String>, PathError> {
        at(path, || {
            let content = self.content.borrow();
            Ok(content.get(&path.parse()?)?.into_option().map(Into::into))
        })
    }

    pub(crate) fn get_many(&self, paths: &[&str]) -> Result<Vec<Option<String>>, PathError> {
        paths.iter().map(|path| self.get(path)).collect()
    }

    pub(crate) fn rows(&self, segment: &str, fields: &[&str]) -> Result<Vec<Vec<Option<String>>>, PathError> {
        let fields = fields
            .iter()
            .map(|&field| at(field, || field.parse()))
            .collect::<Result<Vec<FieldPath>, _>>()?;
        at(segment, || {
            let content = self.content.borrow();
            let rows = content.rows(segment, &fields)?;
            let owned = |row: Vec<transfuse_message::Value<'_>>| {
                row.into_iter()
                    .map(|value| value.into_option().map(Into::into))
                    .collect()
            };
            Ok(rows.into_iter().map(owned).collect())
        })
    }

    pub(crate) fn get_raw(&self, path: &str) -> Result<Option<Vec<u8>>, PathError> {
        at(path, || {
            let content = self.content.borrow();
            Ok(content.get_raw(&path.parse()?)?.map(Into::into))
        })
    }

    pub(crate) fn set(&self, path: &str, value: &str) -> Result<(), PathError> {
        at(path, || self.content.borrow_mut().set(&path.parse()?, value))
    }

    pub(crate) fn set_many(&self, values: &[(&str, &str)]) -> Result<(), PathError> {
        values.iter().try_for_each(|(path, value)| self.set(path, value))
    }

    pub(crate) fn set_raw(&self, path: &str, value: &[u8]) -> Result<(), PathError> {
        at(path, || self.content.borrow_mut().set_raw(&path.parse()?, value))
    }

    pub(crate) fn copy_from(&self, source: &Self, source_path: &str, path: &str) -> Result<(), PathError> {
        let source = source.content();
        let from: Path = at(source_path, || source_path.parse())?;
        at(path, || {
            self.content.borrow_mut().copy_from(&source, &from, &path.parse()?)
        })
    }

    pub(crate) fn clear(&self, path: &str) -> Result<(), PathError> {
        at(path, || self.content.borrow_mut().clear(&path.parse()?))
    }

    pub(crate) fn count(&self, path: &str) -> Result<u32, PathError> {
        at(path, || self.content.borrow().count(&path.parse()?))
    }

    pub(crate) fn insert(&self, segment: &str, after: &str) -> Result<String, PathError> {
        let place: Option<Path> = if after.is_empty() {
            None
        } else {
            Some(at(after, || after.parse())?)
        };
        at(segment, || self.content.borrow_mut().insert(segment, place.as_ref())).map(|path| path.to_string())
    }

    pub(crate) fn remove(&self, path: &str) -> Result<(), PathError> {
        at(path, || self.content.borrow_mut().remove(&path.parse()?))
    }

    pub(crate) fn groups(&self, group: &str) -> Result<Vec<String>, PathError> {
        at(group, || {
            let content = self.content.borrow();
            let groups = content.groups().at(&Path::group(group)?)?;
            Ok(groups.map(|group| group.path().to_string()).collect())
        })
    }

    pub(crate) fn name_of(&self, path: &str) -> Result<Option<String>, PathError> {
        self.define(path, |definition| Some(definition.name))
    }

    pub(crate) fn datatype_of(&self, path: &str) -> Result<Option<String>, PathError> {
        self.define(path, |definition| Some(definition.datatype))
    }

    pub(crate) fn table_of(&self, path: &str) -> Result<Option<String>, PathError> {
        self.define(path, |definition| definition.table)
    }

    fn define(&self, path: &str, part: fn(Definition) -> Option<&'static str>) -> Result<Option<String>, PathError> {
        at(path, || {
            let found = self.content.borrow().definition(&path.parse()?).and_then(part);
            Ok(found.filter(|text| !text.is_empty()).map(str::to_owned))
        })
    }

    pub(crate) fn get_time(&self, path: &str, zone: &str, ambiguous: &str) -> Result<Option<(i64, String)>, PathError> {
        at(path, || {
            let (zone, ambiguous) = (time::zone(zone)?, time::policy(ambiguous)?);
            let moment = self.content.borrow().moment(&path.parse()?, &zone, ambiguous)?;
            Ok(moment.map(|(moment, precision)| (moment.as_millisecond(), precision.as_str().to_owned())))
        })
    }

    pub(crate) fn set_time(&self, path: &str, milliseconds: i64, precision: &str, zone: &str) -> Result<(), PathError> {
        at(path, || {
            let (moment, precision, zone) = (
                time::moment(milliseconds)?,
                time::precision(precision)?,
                time::zone(zone)?,
            );
            let mut content = self.content.borrow_mut();
            content.set_moment(&path.parse()?, moment, precision, &zone)
        })
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        self.content.borrow().encode().to_vec()
    }
}

/// Adds the path as the plugin gave it, as the contract asks.
fn at<T>(path: &str, action: impl FnOnce() -> Result<T, transfuse_message::PathError>) -> Result<T, PathError> {
    action().map_err(|error| PathError {
        code: error.code().to_owned(),
        path: path.to_owned(),
        text: error.to_string(),
    })
}
