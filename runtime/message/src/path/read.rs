//! Reading paths from text.

use std::str::FromStr;

use super::{FieldPath, Path, PathError, segment_name};

impl FromStr for Path {
    type Err = PathError;

    fn from_str(text: &str) -> Result<Self, PathError> {
        let mut reader = Reader {
            text: text.as_bytes(),
            position: 0,
        };
        let groups = reader.groups()?;
        if groups.is_some() && reader.position == text.len() {
            return Ok(Self {
                groups,
                ..Self::of_segment([0; 3], 0)
            });
        }
        let segment = reader.segment()?;
        let occurrence = reader.bracketed()?;
        let field = if reader.take(b'-') { Some(reader.field()?) } else { None };
        reader.end(if field.is_some() {
            "the end, or a dot"
        } else {
            "the end, or a dash"
        })?;
        Ok(Self {
            groups,
            segment,
            occurrence,
            field,
        })
    }
}

impl FromStr for FieldPath {
    type Err = PathError;

    fn from_str(text: &str) -> Result<Self, PathError> {
        let mut reader = Reader {
            text: text.as_bytes(),
            position: 0,
        };
        let field = reader.field()?;
        reader.end("the end, or a dot")?;
        Ok(field)
    }
}

pub(super) struct Reader<'a> {
    pub(super) text: &'a [u8],
    pub(super) position: usize,
}

impl Reader<'_> {
    fn segment(&mut self) -> Result<[u8; 3], PathError> {
        let end = self.position + 3;
        let name = self
            .text
            .get(self.position..end)
            .and_then(segment_name)
            .ok_or_else(|| self.expected("a segment's name of three characters"))?;
        self.position = end;
        Ok(name)
    }

    fn field(&mut self) -> Result<FieldPath, PathError> {
        let mut path = FieldPath::new(self.number()?, self.bracketed()?, 0, 0);
        if self.take(b'.') {
            path.component = self.number()?;
            if self.take(b'.') {
                path.subcomponent = self.number()?;
            }
        }
        Ok(path)
    }

    /// A number in brackets, or 0 where there is none.
    pub(super) fn bracketed(&mut self) -> Result<u32, PathError> {
        if !self.take(b'[') {
            return Ok(0);
        }
        let number = self.number()?;
        if self.take(b']') {
            Ok(number)
        } else {
            Err(self.expected("a closing bracket"))
        }
    }

    fn number(&mut self) -> Result<u32, PathError> {
        let start = self.position;
        let mut number = 0_u32;
        while let Some(digit) = self.text.get(self.position).filter(|byte| byte.is_ascii_digit()) {
            number = number
                .checked_mul(10)
                .and_then(|tens| tens.checked_add(u32::from(digit - b'0')))
                .ok_or_else(|| self.expected("a number of 32 bits"))?;
            self.position += 1;
            if number == 0 {
                break;
            }
        }
        if number == 0 {
            self.position = start;
            return Err(self.expected("a number from 1 on"));
        }
        Ok(number)
    }

    pub(super) fn take(&mut self, byte: u8) -> bool {
        let found = self.text.get(self.position) == Some(&byte);
        self.position += usize::from(found);
        found
    }

    fn end(&self, expected: &'static str) -> Result<(), PathError> {
        if self.position == self.text.len() {
            Ok(())
        } else {
            Err(self.expected(expected))
        }
    }

    pub(super) fn expected(&self, expected: &'static str) -> PathError {
        PathError::Malformed {
            position: self.position + 1,
            expected,
        }
    }
}
