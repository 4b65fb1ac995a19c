//! Who wants something done.
//!
//! The kernel says which account the other end of the control socket runs as, and nothing that a command sends changes that. Two accounts
//! are nobody's own: root and the engine's. Of whoever comes as one of them, what sudo said is kept, as the claim that it is.

use std::fmt;

/// What the engine is called where it acts by itself.
const ENGINE: &str = "transfuse";

/// Who wants something done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Identity {
    /// The engine, as it was told to beforehand.
    Engine,
    Account(Account),
}

/// An account of this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Account {
    pub(crate) uid: u32,
    /// None where the machine knows none.
    pub(crate) name: Option<String>,
    /// Of a shared account: who has become it, as sudo said.
    pub(crate) claimed: Option<String>,
}

/// How a second person is told from the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SecondPerson {
    /// By the account alone: who comes as root is root.
    Account,
    /// Where both come as the same shared account, by what sudo said of them.
    Sudo,
}

impl Identity {
    /// Whoever this process runs for.
    pub(crate) fn of_process() -> Self {
        let uid = rustix::process::geteuid().as_raw();
        Self::Account(Account::of(uid, sudo_user()))
    }
}

impl Account {
    /// The account of this number, with what is claimed where it is a shared one. Asks the machine for the name, which may take a
    /// directory server's time.
    pub(crate) fn of(uid: u32, claimed: Option<String>) -> Self {
        let name = uzers::get_user_by_uid(uid).map(|user| user.name().to_string_lossy().into_owned());
        let is_shared = uid == 0 || uid == rustix::process::geteuid().as_raw();
        Self {
            uid,
            claimed: claimed.filter(|claimed| is_shared && name.as_ref() != Some(claimed)),
            name,
        }
    }

    /// Whether this is certainly somebody else than the first one.
    pub(crate) fn is_another_than(&self, first: &Self, told_by: SecondPerson) -> bool {
        if self.uid != first.uid {
            return self.person() != first.person();
        }
        let claims = (&self.claimed, &first.claimed);
        told_by == SecondPerson::Sudo && matches!(claims, (Some(second), Some(first)) if second != first)
    }

    /// Who it is as far as anybody says.
    fn person(&self) -> String {
        let said = self.claimed.as_ref().or(self.name.as_ref());
        said.map_or_else(|| format!("uid {}", self.uid), Clone::clone)
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Engine => formatter.write_str(ENGINE),
            Self::Account(account) => account.fmt(formatter),
        }
    }
}

impl fmt::Display for Account {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { uid, name, claimed } = self;
        match name {
            Some(name) => write!(formatter, "{name} (uid {uid})")?,
            None => write!(formatter, "uid {uid}")?,
        }
        match claimed {
            Some(claimed) => write!(formatter, " claiming to be {claimed}"),
            None => Ok(()),
        }
    }
}

/// Whom sudo says it has started this process for. Whoever may become root may write anything there.
pub(crate) fn sudo_user() -> Option<String> {
    std::env::var("SUDO_USER").ok().filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(uid: u32, name: &str, claimed: Option<&str>) -> Account {
        Account {
            uid,
            name: (!name.is_empty()).then(|| name.to_owned()),
            claimed: claimed.map(str::to_owned),
        }
    }

    #[test]
    fn a_second_person_has_another_account_and_is_not_the_first_one_as_root() {
        let by_account = |second: &Account, first: &Account| second.is_another_than(first, SecondPerson::Account);
        let (anna, bela) = (account(1001, "anna", None), account(1002, "bela", None));
        assert!(by_account(&bela, &anna) && by_account(&anna, &bela));
        assert!(!by_account(&anna, &anna));
        let (root, root_of_anna) = (account(0, "root", None), account(0, "root", Some("anna")));
        assert!(by_account(&root, &anna) && by_account(&root_of_anna, &bela));
        assert!(!by_account(&root_of_anna, &anna) && !by_account(&anna, &root_of_anna));
        let root_of_bela = account(0, "root", Some("bela"));
        assert!(!by_account(&root_of_bela, &root_of_anna), "what sudo said is a claim");
        assert!(by_account(&account(1003, "", None), &account(1004, "", None)));
    }

    #[test]
    fn where_a_site_takes_sudos_word_two_claims_are_two_people_and_no_claim_is_nobody() {
        let by_sudo = |second: &Account, first: &Account| second.is_another_than(first, SecondPerson::Sudo);
        let [root, of_anna, of_bela] = [None, Some("anna"), Some("bela")].map(|claim| account(0, "root", claim));
        assert!(by_sudo(&of_bela, &of_anna));
        assert!(!by_sudo(&of_anna, &of_anna) && !by_sudo(&root, &of_anna) && !by_sudo(&of_anna, &root));
        assert!(!by_sudo(&root, &root));
        let anna = account(1001, "anna", None);
        assert!(!by_sudo(&of_anna, &anna) && by_sudo(&of_bela, &anna));
    }

    #[test]
    fn an_account_is_told_with_its_number_and_with_what_is_claimed_of_a_shared_one_alone() {
        let own = rustix::process::geteuid().as_raw();
        assert!(
            Account::of(own, Some("anna".to_owned()))
                .to_string()
                .ends_with(" claiming to be anna")
        );
        // Nobody has this account, and its claim counts for nothing.
        let unknown = Account::of(3_999_999_999, Some("anna".to_owned()));
        assert_eq!(unknown.to_string(), "uid 3999999999");
        assert_eq!(account(1001, "anna", None).to_string(), "anna (uid 1001)");
        let root = Account::of(0, Some("root".to_owned()));
        assert_eq!(root.claimed, None, "root that was root before");
        assert_eq!(Identity::Engine.to_string(), "transfuse");
    }
}
