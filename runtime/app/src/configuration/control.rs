//! `[control]` in `transfuse.toml`: where the control socket is, and who may open it.

use std::path::PathBuf;

use super::section::Section;

/// The control socket. Without either, it is in the data folder and the engine's own.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ControlSettings {
    /// Where it is instead, relative to the site folder or absolute.
    pub(crate) socket: Option<PathBuf>,
    /// The group whose members may open it too, by name or number.
    pub(crate) group: Option<String>,
}

pub(super) fn read(mut section: Section<'_>) -> ControlSettings {
    let socket = section.path("socket").map(|path| path.value);
    let group = section.text("group");
    if let Some(group) = group.as_ref().filter(|_| socket.is_none()) {
        let message = "`group` lets nobody in without `socket`: the data folder is the engine's alone".to_owned();
        let hint = "write `socket = \"/run/transfuse/control.sock\"`, in a folder that the group may enter".to_owned();
        section.faults().at_with_hint(&group.place, message, hint);
    }
    section.finish();
    ControlSettings {
        socket,
        group: group.map(|group| group.value),
    }
}
