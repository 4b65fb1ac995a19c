//! Timestamps as people write them.

/// A timestamp of a message (`20260301120000`) in a format, as its clock showed it: no zone is looked at.
///
/// `%Y`, `%y`, `%m`, `%d`, `%H`, `%M`, `%S` and `%%` are replaced. What the timestamp does not say is the first month,
/// the first day, midnight. A text that is no timestamp stays as it is.
pub(super) fn date(timestamp: &str, format: &str) -> String {
    let digits: &str = timestamp.split(['.', '+', '-']).next().unwrap_or_default();
    let is_time = (4..=14).contains(&digits.len())
        && digits.len().is_multiple_of(2)
        && digits.bytes().all(|byte| byte.is_ascii_digit());
    if !is_time {
        return timestamp.to_owned();
    }
    let part = |from: usize, otherwise: &'static str| digits.get(from..from + 2).unwrap_or(otherwise).to_owned();
    let mut written = String::with_capacity(format.len() + 8);
    let mut signs = format.chars();
    while let Some(sign) = signs.next() {
        if sign != '%' {
            written.push(sign);
            continue;
        }
        match signs.next() {
            Some('Y') => written.push_str(digits.get(..4).unwrap_or_default()),
            Some('y') => written.push_str(&part(2, "00")),
            Some('m') => written.push_str(&part(4, "01")),
            Some('d') => written.push_str(&part(6, "01")),
            Some('H') => written.push_str(&part(8, "00")),
            Some('M') => written.push_str(&part(10, "00")),
            Some('S') => written.push_str(&part(12, "00")),
            Some(other) => written.push(other),
            None => {}
        }
    }
    written
}
