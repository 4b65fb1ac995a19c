//! Edits in a traced run: which of them makes a value, and where the plugin stands at one. In any other run each pays a look at
//! an empty option.

use bytes::Bytes;
use transfuse_message::{Message, ParseOptions};

use super::{Answer, Handle, held, parse_error, wit};
use crate::fault::Stop;
use crate::state::{HeldMessage, StepState, stop_of};
use crate::trace::{Deed, Edit, REFUSAL, REFUSAL_CODE, Turn, standing_at};

impl StepState {
    /// Does an edit, and with it what the run is asked.
    pub(super) fn traced<T>(
        &mut self,
        message: &Handle,
        deed: Deed,
        path: &str,
        edit: impl FnOnce(&mut Self) -> Answer<T>,
    ) -> Answer<T> {
        let Some(tracing) = &mut self.journey.tracing else {
            return edit(self);
        };
        let (number, turn) = tracing.next(self.meter.calls());
        let watched = match turn {
            Turn::Do => return edit(self),
            Turn::Halt => return Err(Stop::Halted),
            Turn::Refuse => return Ok(Err(refused(path))),
            Turn::Watch(watched) => watched,
        };
        let before = standing_at(&held(&self.handles, message)?.message, &watched);
        let answer = edit(self)?;
        let held = self.handles.get_mut(message).map_err(|error| stop_of(&error))?;
        if standing_at(&held.message, &watched) != before {
            held.maker = Some(Edit {
                number,
                deed,
                path: path.to_owned(),
            });
        }
        Ok(answer)
    }

    /// A message of bytes, which is an edit too: it may make the value in question.
    pub(super) fn parse_bytes(&mut self, raw: Vec<u8>) -> Result<Result<Handle, wit::ParseError>, Stop> {
        self.meter.keep(raw.len(), &self.step.limits)?;
        let call = self.meter.calls();
        let traced = self.journey.tracing.as_mut().map(|tracing| tracing.next(call));
        match &traced {
            Some((_, Turn::Halt)) => return Err(Stop::Halted),
            Some((_, Turn::Refuse)) => return Ok(Err(unparsed())),
            _ => {}
        }
        let message = match Message::parse(Bytes::from(raw), &ParseOptions::default()) {
            Ok(message) => message,
            Err(error) => return Ok(Err(parse_error(&error))),
        };
        let maker = match traced {
            Some((number, Turn::Watch(path))) => standing_at(&message, &path).map(|_| Edit {
                number,
                deed: Deed::Parse,
                path: String::new(),
            }),
            _ => None,
        };
        self.hold(HeldMessage::made(message, maker)).map(Ok)
    }
}

fn refused(path: &str) -> wit::PathError {
    wit::PathError {
        code: REFUSAL_CODE.to_owned(),
        path: path.to_owned(),
        text: REFUSAL.to_owned(),
    }
}

fn unparsed() -> wit::ParseError {
    wit::ParseError {
        code: REFUSAL_CODE.to_owned(),
        offset: 0,
        text: REFUSAL.to_owned(),
    }
}
