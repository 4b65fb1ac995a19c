//! Whether a step stays within the grants that a plugin was certified with.

use super::statement::CertifiedGrants;

impl CertifiedGrants {
    /// What a step grants beyond these, as its lines would say it: `read = ["PID-3"]`. Nothing where it stays within them.
    #[must_use]
    pub fn exceeded_by(&self, granted: &Self) -> Vec<String> {
        let lists = [
            ("read", beyond(&self.read, &granted.read, covers)),
            ("write", beyond(&self.write, &granted.write, covers)),
            (
                "tables",
                beyond(&self.tables, &granted.tables, |known, name| known == name),
            ),
        ];
        let mut lines: Vec<String> = lists
            .into_iter()
            .filter(|(_, more)| !more.is_empty())
            .map(|(key, more)| format!("{key} = [\"{}\"]", more.join("\", \"")))
            .collect();
        let flags = [
            ("create", granted.create && !self.create),
            ("state", granted.state && !self.state),
        ];
        lines.extend(
            flags
                .iter()
                .filter(|(_, more)| *more)
                .map(|(key, _)| format!("{key} = true")),
        );
        lines
    }
}

fn beyond<'g>(certified: &[String], granted: &'g [String], covers: fn(&str, &str) -> bool) -> Vec<&'g str> {
    let is_beyond = |one: &&str| !certified.iter().any(|known| covers(known, one));
    granted.iter().map(String::as_str).filter(is_beyond).collect()
}

/// Whether every field of one pattern is one of the other: `OBX-3` lies within `OBX-3`, `OBX-*`, `O*-*` and `*`.
fn covers(certified: &str, granted: &str) -> bool {
    if certified == "*" || certified == granted {
        return true;
    }
    let (Some((known, known_field)), Some((segment, field))) = (certified.rsplit_once('-'), granted.rsplit_once('-'))
    else {
        return false;
    };
    let is_segment = known
        .strip_suffix('*')
        .map_or(known == segment, |start| segment.starts_with(start));
    is_segment && (known_field == "*" || known_field == field)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(patterns: &[&str]) -> CertifiedGrants {
        CertifiedGrants {
            read: patterns.iter().map(|pattern| (*pattern).to_owned()).collect(),
            ..CertifiedGrants::default()
        }
    }

    #[test]
    fn a_pattern_within_a_certified_one_is_no_more() {
        for certified in ["OBX-3", "OBX-*", "OB*-3", "O*-*", "*"] {
            let more = reading(&[certified]).exceeded_by(&reading(&["OBX-3"]));
            assert!(more.is_empty(), "{certified}: {more:?}");
        }
        for certified in ["OBX-30", "OBR-*", "PID-3"] {
            let more = reading(&[certified]).exceeded_by(&reading(&["OBX-3"]));
            assert_eq!(more, ["read = [\"OBX-3\"]"], "{certified}");
        }
        for granted in ["*", "OBX-*", "OB*-3"] {
            assert_eq!(
                reading(&["OBX-3"]).exceeded_by(&reading(&[granted])).len(),
                1,
                "{granted}"
            );
        }
    }

    #[test]
    fn every_kind_of_grant_is_compared() {
        let granted = CertifiedGrants {
            read: vec!["PID-3".to_owned(), "PID-5".to_owned()],
            write: vec!["PID-11".to_owned()],
            tables: vec!["wards".to_owned()],
            create: true,
            state: true,
        };
        assert_eq!(granted.exceeded_by(&granted), [""; 0]);
        assert_eq!(granted.exceeded_by(&CertifiedGrants::default()), [""; 0]);
        assert_eq!(
            reading(&["PID-5"]).exceeded_by(&granted),
            [
                "read = [\"PID-3\"]",
                "write = [\"PID-11\"]",
                "tables = [\"wards\"]",
                "create = true",
                "state = true"
            ]
        );
    }
}
