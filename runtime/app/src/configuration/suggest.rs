//! "Did you mean": the nearest of the names that exist.

/// How alike two names must be (Jaro-Winkler, 0 to 1) to be worth suggesting. Below it, suggestions are guesses that
/// send people the wrong way: `port` is not a slip of `pattern`.
const LIKENESS_MIN: f64 = 0.8;

/// How many names a hint lists before it gives only their count. All keys of any table fit; a folder of tables or plugins
/// may hold hundreds.
const LISTED_MAX: usize = 24;

/// The name that `written` was most likely meant to be.
pub(crate) fn nearest<'n>(written: &str, names: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    let written = written.to_lowercase();
    names
        .into_iter()
        .map(|name| (strsim::jaro_winkler(&written, &name.to_lowercase()), name))
        .filter(|(likeness, _)| *likeness >= LIKENESS_MIN)
        .max_by(|left, right| left.0.total_cmp(&right.0))
        .map(|(_, name)| name)
}

/// The hints for a name that does not exist: the nearest one, or else all of them.
pub(crate) fn hints(written: &str, kind: &str, names: &[&str]) -> Vec<String> {
    match nearest(written, names.iter().copied()) {
        Some(name) => vec![format!("did you mean `{name}`?")],
        None => vec![existing(kind, names)],
    }
}

/// What exists, as a sentence: "there are the tables `a` and `b`".
pub(crate) fn existing(kind: &str, names: &[&str]) -> String {
    match names {
        [] => format!("there are no {kind}s"),
        [only] => format!("the only {kind} is `{only}`"),
        names if names.len() > LISTED_MAX => format!("there are {} {kind}s, none of them alike", names.len()),
        names => format!("the {kind}s are {}", listed(names)),
    }
}

/// "`a`, `b` and `c`".
fn listed(names: &[&str]) -> String {
    joined(names, "and")
}

/// "`a`, `b` or `c`".
pub(crate) fn either(names: &[&str]) -> String {
    joined(names, "or")
}

fn joined(names: &[&str], word: &str) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    match quoted.split_last() {
        None => String::new(),
        Some((last, [])) => last.clone(),
        Some((last, others)) => format!("{} {word} {last}", others.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_recognised() {
        assert_eq!(nearest("lisen", ["listen", "ack", "charset"]), Some("listen"));
        assert_eq!(nearest("timezone", ["type", "time_zone"]), Some("time_zone"));
        assert_eq!(
            nearest("Europe/Budpest", ["Europe/Bucharest", "Europe/Budapest"]),
            Some("Europe/Budapest")
        );
    }

    #[test]
    fn what_resembles_nothing_is_not_guessed() {
        assert_eq!(nearest("port", ["pattern", "listen", "address"]), None);
        assert_eq!(
            hints("port", "key", &["listen", "ack"]),
            ["the keys are `listen` and `ack`"]
        );
        assert_eq!(hints("x", "table", &[]), ["there are no tables"]);
    }
}
