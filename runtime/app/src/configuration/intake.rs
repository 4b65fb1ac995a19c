//! `[intake]` in `transfuse.toml`: how much all listeners take in together.

use transfuse_transport::InflowSettings;

use super::section::Section;

pub(super) fn read(mut section: Section<'_>) -> InflowSettings {
    let defaults = InflowSettings::default();
    // One message of the default largest size, up to what no machine of today has for it.
    let in_flight = section.size("in_flight", &((16 << 20)..=(1 << 40)));
    let connections = section.count("connections", &(1..=100_000));
    section.finish();
    let given = |value: Option<u64>, default: usize| {
        let value = value.and_then(|value| usize::try_from(value).ok());
        value.unwrap_or(default)
    };
    InflowSettings {
        bytes_max: given(in_flight, defaults.bytes_max),
        connections_max: given(connections, defaults.connections_max),
    }
}
