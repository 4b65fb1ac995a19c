//! The delimiters that a message declares in MSH-1 and MSH-2.

/// The delimiters of one message, as its MSH-1 and MSH-2 declare them.
///
/// Senders may leave out the later ones; a message without an escape character cannot carry its own delimiters as
/// text, and one without a subcomponent separator has no subcomponents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Delimiters {
    /// MSH-1, usually `|`.
    pub field: u8,
    /// The first character of MSH-2, usually `^`.
    pub component: u8,
    /// The second, usually `~`.
    pub repetition: Option<u8>,
    /// The third, usually `\`.
    pub escape: Option<u8>,
    /// The fourth, usually `&`.
    pub subcomponent: Option<u8>,
    /// The fifth, from version 2.7 on, usually `#`: marks a value that was cut short.
    pub truncation: Option<u8>,
}

impl Delimiters {
    /// What the standard recommends: `|^~\&`.
    pub const STANDARD: Self = Self {
        field: b'|',
        component: b'^',
        repetition: Some(b'~'),
        escape: Some(b'\\'),
        subcomponent: Some(b'&'),
        truncation: None,
    };

    /// What divides a segment: fields, repetitions, components, subcomponents.
    pub(crate) fn separators(&self) -> [Option<u8>; 4] {
        [
            Some(self.field),
            self.repetition,
            Some(self.component),
            self.subcomponent,
        ]
    }

    /// MSH-2.
    pub(crate) fn characters(&self) -> Vec<u8> {
        let Self {
            component,
            repetition,
            escape,
            subcomponent,
            truncation,
            ..
        } = *self;
        [Some(component), repetition, escape, subcomponent, truncation]
            .into_iter()
            .flatten()
            .collect()
    }

    /// Whether a character is one of them.
    pub(crate) fn contain(&self, character: char) -> bool {
        let Self {
            field,
            component,
            repetition,
            escape,
            subcomponent,
            truncation,
        } = *self;
        let others = [repetition, escape, subcomponent, truncation].into_iter().flatten();
        [field, component]
            .into_iter()
            .chain(others)
            .any(|delimiter| char::from(delimiter) == character)
    }

    /// Reads them from a segment that begins with `MSH`, or says what is wrong.
    pub(crate) fn of_header(header: &[u8]) -> Result<Self, &'static str> {
        let field = *header.get(3).ok_or("MSH-1, the field separator, is missing")?;
        if !field.is_ascii_punctuation() {
            return Err("MSH-1, the field separator, is not a punctuation character of ASCII");
        }
        let rest = header.get(4..).unwrap_or_default();
        let characters = rest.split(|byte| *byte == field).next().unwrap_or_default();
        check(characters)?;
        let at = |index: usize| characters.get(index).copied();
        let component = at(0).ok_or("MSH-2, the encoding characters, is empty")?;
        let (escape, subcomponent) = if characters.len() == 3 && at(2) == Some(LOST_ESCAPE) {
            (None, at(2))
        } else {
            (at(2), at(3))
        };
        Ok(Self {
            field,
            component,
            repetition: at(1),
            escape,
            subcomponent,
            truncation: at(4),
        })
    }
}

/// `MSH|^~&|` is what remains of `MSH|^~\&|` where some program took the backslash for its own: the ampersand is still
/// the subcomponent separator there, and there is no escape character.
const LOST_ESCAPE: u8 = b'&';

/// More than five characters are let through: a sixth has no meaning, so nothing can be misread by it.
fn check(characters: &[u8]) -> Result<(), &'static str> {
    let named = characters.get(..characters.len().min(5)).unwrap_or_default();
    if !named.iter().all(u8::is_ascii_punctuation) {
        return Err(
            "MSH-2 holds a character that is not punctuation of ASCII, so it cannot be the encoding characters",
        );
    }
    let repeated = named
        .iter()
        .enumerate()
        .any(|(index, byte)| named.iter().skip(index + 1).any(|other| other == byte));
    if repeated {
        Err("MSH-2 names one character for two purposes")
    } else {
        Ok(())
    }
}
