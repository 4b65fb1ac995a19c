//! Random inputs that can be had again: the same seed and number give the same bytes.

/// A small generator of numbers (`SplitMix64`), because what is tried must not change with the release of a crate.
pub struct Random(u64);

impl Random {
    /// The numbers that belong to this seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`, or 0 where that is 0.
    pub fn below(&mut self, bound: usize) -> usize {
        let wanted = self.next().checked_rem(bound as u64).unwrap_or_default();
        usize::try_from(wanted).unwrap_or_default()
    }

    fn one_of<'a, T: ?Sized>(&mut self, all: &[&'a T]) -> Option<&'a T> {
        all.get(self.below(all.len())).copied()
    }
}

/// What messages are made of, more often than chance would have it.
const PIECES: &[&[u8]] = &[
    b"|",
    b"^",
    b"~",
    b"\\",
    b"&",
    b"#",
    b"\r",
    b"\n",
    b"\r\n",
    b"\x0b",
    b"\x1c\r",
    b"\0",
    b"\"\"",
    b"\xef\xbb\xbf",
    b"\\F\\",
    b"\\S\\",
    b"\\T\\",
    b"\\R\\",
    b"\\E\\",
    b"\\P\\",
    b"\\X0D0A\\",
    b"\\X00E9\\",
    b"\\.br\\",
    b"\\.sp+2\\",
    b"\\H\\",
    b"\\N\\",
    b"\\C2842\\",
    b"\\M244242\\",
    b"\\Z01\\",
    b"\rPID|",
    b"\nOBX|",
    b"\rMSH|^~\\&|",
    b"\rZZZ",
    b"\nZZZ",
    b"\rnot a segment",
    b"|^~\\&|",
    b"|^~\\&#|",
    b"|^~&|",
    b"|^~|",
    b"|^|",
    b"$%*!@$",
    b"8859/2",
    b"\xf5",
    "ő".as_bytes(),
    b"A",
    b"1",
    b" ",
    b"UNICODE UTF-8",
];

/// Edits, of which the paths and values are drawn.
const VERBS: &[&str] = &["=", "=", "#", "-", "x", "+", "<", "*", "?"];
const PATHS: &[&str] = &[
    "MSH",
    "MSH-1",
    "MSH-2",
    "MSH-3",
    "MSH-18",
    "PID",
    "PID-3",
    "PID-3[2]",
    "PID-3[2].1",
    "PID-5.1.2",
    "OBX[2]-5",
    "OBX[2]",
    "NTE-3",
    "NTE[3]",
    "ZZZ",
    "ZZZ-1",
    "PID-9999",
    "PID-3[4294967295].4294967295.1",
    "OBX-5[3]",
    "ORDER_OBSERVATION[2]/OBX[1]-5",
    "ORDER_OBSERVATION/OBX[2]",
    "OBSERVATION[3]/OBX-5.1",
    "PATIENT/PID-3",
    "PATIENT/VISIT/",
    "ORDER_OBSERVATION[2]/",
];
const VALUES: &[&str] = &[
    "",
    "A",
    "A|B^C~D&E\\F#G",
    "\"\"",
    "\\.br\\",
    "\\H\\",
    "a\rb\nc",
    "\u{b}",
    "őÖ€",
    "PID",
    "PID|1",
    "OBX",
    "x\nPID|",
    "{",
    "\\",
    "\\X41\\",
    "ZZZ|1^2",
];

/// The most bytes that a mutated input grows to.
const INPUT_BYTES_MAX: usize = 4_096;

/// Makes new inputs of known ones.
pub struct Mutator<'a> {
    known: &'a [Vec<u8>],
    random: Random,
}

impl<'a> Mutator<'a> {
    /// Draws from `known`, which is not empty.
    #[must_use]
    pub fn new(known: &'a [Vec<u8>], random: Random) -> Self {
        Self { known, random }
    }

    /// A known input with one to eight changes.
    pub fn input(&mut self) -> Vec<u8> {
        let mut input = self
            .known
            .get(self.random.below(self.known.len()))
            .cloned()
            .unwrap_or_default();
        for _ in 0..=self.random.below(8) {
            self.change(&mut input);
        }
        input.truncate(INPUT_BYTES_MAX);
        input
    }

    fn change(&mut self, input: &mut Vec<u8>) {
        let at = self.random.below(input.len() + 1);
        let length = self.random.below(16.min(input.len() - at) + 1);
        match self.random.below(8) {
            0 => drop(input.drain(at..at + length)),
            1 => {
                let copy: Vec<u8> = input.iter().skip(at).take(length).copied().collect();
                self.insert(input, &copy);
            }
            2 => {
                let byte = u8::try_from(self.random.below(255) + 1).unwrap_or_default();
                self.insert(input, &[byte]);
            }
            3 => self.cross(input, at),
            4 | 5 => self.add_edit(input),
            _ => {
                let piece = self.random.one_of(PIECES).unwrap_or_default();
                self.insert(input, piece);
            }
        }
    }

    fn insert(&mut self, input: &mut Vec<u8>, bytes: &[u8]) {
        let at = self.random.below(input.len() + 1);
        input.splice(at..at, bytes.iter().copied());
    }

    /// The beginning of this input and the end of another.
    fn cross(&mut self, input: &mut Vec<u8>, at: usize) {
        let Some(other) = self.known.get(self.random.below(self.known.len())) else {
            return;
        };
        let from = self.random.below(other.len() + 1);
        input.truncate(at);
        input.extend(other.iter().skip(from));
    }

    fn add_edit(&mut self, input: &mut Vec<u8>) {
        let verb = self.random.one_of(VERBS).unwrap_or_default();
        let (first, second) = (self.path(), self.path());
        let value = self.random.one_of(VALUES).unwrap_or_default();
        let edit = match verb {
            "+" => format!(
                "\0+ {} {second}",
                self.random.one_of(&["OBX", "ZZZ", "NTE", "MSH"]).unwrap_or_default()
            ),
            "<" | "*" => format!("\0{verb} {first} {second}"),
            _ => format!("\0{verb} {first} {value}"),
        };
        input.extend_from_slice(edit.as_bytes());
    }

    fn path(&mut self) -> String {
        let number = self.random.below(64);
        match self.random.below(5) {
            0 => format!("~{number}"),
            1 => format!("${number}"),
            2 => self.random.one_of(PATHS).unwrap_or_default().to_owned(),
            _ => format!("@{number}"),
        }
    }
}
