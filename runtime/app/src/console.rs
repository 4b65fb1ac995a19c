//! What people see: results on stdout, everything else on stderr, colour only where it is wanted.

mod json;
mod progress;

use std::fmt;
use std::io::{self, BufWriter, IsTerminal as _, Write};

use clap::ValueEnum;
use serde::Serialize;

pub(crate) use progress::Progress;

/// The two streams of the process.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Console {
    results: Palette,
    notes: Palette,
    shows_results: bool,
}

/// When to use colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ColourChoice {
    /// On a terminal, unless `NO_COLOR` is set
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// Colours of one stream: either real ones, or none.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Palette {
    enabled: bool,
}

/// Meanings, not hues: what a reader's eye should do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tone {
    /// Begin here.
    Strong,
    /// Skip this at first.
    Faint,
    /// It went well.
    Good,
    /// It did not.
    Bad,
    /// Look twice.
    Odd,
    /// A name, or an address.
    Name,
}

/// Text with its tone, as `Display`.
pub(crate) struct Toned<'t, T: ?Sized> {
    text: &'t T,
    codes: Option<&'static str>,
}

impl Console {
    pub(crate) fn new(choice: ColourChoice) -> Self {
        Self {
            results: Palette {
                enabled: wanted(choice, io::stdout().is_terminal()),
            },
            notes: Palette {
                enabled: wanted(choice, io::stderr().is_terminal()),
            },
            shows_results: io::stdout().is_terminal(),
        }
    }

    /// Whether stdout is a terminal, which must not get a message's bytes as they are.
    pub(crate) fn shows_results(self) -> bool {
        self.shows_results
    }

    /// The colours of stdout.
    pub(crate) fn palette(self) -> Palette {
        self.results
    }

    /// The colours of stderr.
    pub(crate) fn notes_palette(self) -> Palette {
        self.notes
    }

    /// Writes a result, with its line end.
    #[expect(
        clippy::unused_self,
        reason = "writing is the console's: whoever has none writes nothing"
    )]
    pub(crate) fn result(self, text: impl fmt::Display) -> io::Result<()> {
        let mut stdout = io::stdout().lock();
        writeln!(stdout, "{text}")?;
        stdout.flush()
    }

    /// Writes results piece by piece, as they are made.
    #[expect(
        clippy::unused_self,
        reason = "writing is the console's: whoever has none writes nothing"
    )]
    pub(crate) fn stream<T, E: From<io::Error>>(
        self,
        write: impl FnOnce(&mut dyn Write) -> Result<T, E>,
    ) -> Result<T, E> {
        let mut stdout = BufWriter::new(io::stdout().lock());
        let written = write(&mut stdout)?;
        stdout.flush()?;
        Ok(written)
    }

    /// Writes a result as JSON.
    pub(crate) fn json(self, value: &impl Serialize) -> io::Result<()> {
        self.stream(|out| {
            serde_json::to_writer_pretty(json::Escaping::new(&mut *out), value)?;
            writeln!(out)
        })
    }

    /// Tells something that is not a result. A closed stderr is nobody's fault.
    #[expect(
        clippy::unused_self,
        reason = "writing is the console's: whoever has none writes nothing"
    )]
    pub(crate) fn note(self, text: impl fmt::Display) {
        let _ = writeln!(io::stderr().lock(), "{text}");
    }
}

impl Palette {
    pub(crate) fn paint<T: fmt::Display + ?Sized>(self, tone: Tone, text: &T) -> Toned<'_, T> {
        Toned {
            text,
            codes: self.enabled.then(|| tone.codes()),
        }
    }
}

impl Tone {
    fn codes(self) -> &'static str {
        match self {
            Self::Strong => "\x1b[1m",
            Self::Faint => "\x1b[2m",
            Self::Good => "\x1b[32m",
            Self::Bad => "\x1b[1;31m",
            Self::Odd => "\x1b[33m",
            Self::Name => "\x1b[36m",
        }
    }
}

impl<T: fmt::Display + ?Sized> fmt::Display for Toned<'_, T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.codes {
            Some(codes) => {
                formatter.write_str(codes)?;
                self.text.fmt(formatter)?;
                formatter.write_str("\x1b[0m")
            }
            None => self.text.fmt(formatter),
        }
    }
}

/// <https://no-color.org>: any value but the empty one switches colour off.
fn wanted(choice: ColourChoice, terminal: bool) -> bool {
    match choice {
        ColourChoice::Always => true,
        ColourChoice::Never => false,
        ColourChoice::Auto => {
            let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
            terminal && !set("NO_COLOR") && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
        }
    }
}
