//! Who asks is the account that the kernel says, whatever a command says; and a second person is another one.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "a test fails by panicking, and tells where it could not look"
)]

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Output};

use serde_json::Value;
use transfuse_harness::{Engine, InterfaceFile, Site, binary};

/// Accounts that no machine has, and the group of two of them.
const ANNA: u32 = 60_001;
const BELA: u32 = 60_002;
const ADMINS: u32 = 60_100;
const OTHERS: u32 = 60_200;

/// The command that is asked, and what it says of itself.
#[derive(Clone, Copy)]
enum Asker<'n> {
    /// The account of the tests, and what sudo would say.
    Sudo(&'n str),
    /// Another account: only root can take one on.
    Account { uid: u32, group: u32 },
}

/// A site with one interface, whose file says something else than what is live.
struct Bench {
    site: Site,
    engine: Engine,
}

fn lab(owner: &str) -> InterfaceFile {
    InterfaceFile::listening("lab")
        .head(&format!("owner = \"{owner}\""))
        .normalizing()
        .to("ehr", "127.0.0.1:1")
}

impl Bench {
    fn with(settings: &str) -> Self {
        let site = Site::with(&lab("laboratory")).expect("a site");
        site.write("transfuse.toml", settings).expect("settings");
        // The scratch folder is its owner's alone, and a site's is not.
        fs::set_permissions(site.path(), Permissions::from_mode(0o755)).expect("the folder is opened");
        let engine = Engine::start(&site.path()).expect("the engine starts");
        site.add(&lab("somebody else")).expect("the file is changed");
        Self { site, engine }
    }

    /// Whether the tests may take on other accounts.
    fn is_root(&self) -> bool {
        let is_root = fs::metadata(self.site.path()).expect("the folder").uid() == 0;
        if !is_root {
            eprintln!("not looked at: only root can run commands as other accounts");
        }
        is_root
    }

    fn run(&self, asker: Asker<'_>, arguments: &[&str]) -> Output {
        let folder = self.site.path();
        let mut command = Command::new(binary().expect("the binary"));
        command
            .args(arguments)
            .env("USER", "nobody-at-all")
            .env_remove("SUDO_USER");
        match asker {
            Asker::Sudo(name) => command.env("SUDO_USER", name),
            Asker::Account { uid, group } => command.uid(uid).gid(group).env("SUDO_USER", "somebody-else"),
        };
        match arguments {
            ["apply" | "status" | "tables", ..] => command.arg(folder),
            _ => command.arg("--site").arg(folder),
        };
        command.output().expect("a command runs")
    }

    fn ok(&self, asker: Asker<'_>, arguments: &[&str]) -> Value {
        let output = self.run(asker, &[arguments, &["--json"]].concat());
        assert!(output.status.success(), "{arguments:?}: {}", said(&output));
        serde_json::from_slice(&output.stdout).expect("JSON")
    }

    fn refused(&self, asker: Asker<'_>, arguments: &[&str]) -> String {
        let output = self.run(asker, arguments);
        assert!(!output.status.success(), "{arguments:?} works");
        said(&output)
    }

    fn history(&self) -> Value {
        self.ok(Asker::Sudo(""), &["history", "lab"])
    }

    fn live(&self) -> Value {
        self.history()["live"].clone()
    }

    fn waiting(&self) -> Vec<Value> {
        let history = self.history();
        let all = history["revisions"].as_array().expect("a list").iter();
        let waiting = all.filter(|one| one["waiting"] == true);
        waiting.map(|one| one["number"].clone()).collect()
    }

    /// Who wanted to know what the newest evidence of one kind says.
    fn author_of(&self, kind: &str) -> String {
        let found = self.ok(Asker::Sudo(""), &["evidence", "lab"]);
        let mut kept = found["evidence"].as_array().expect("a list").iter();
        let newest = kept.find(|one| one["kind"] == kind).expect("it is kept");
        newest["author"].as_str().expect("a name").to_owned()
    }

    /// SIGKILL, and another start.
    fn kill(self) -> Self {
        let Self { site, engine } = self;
        engine.kill().expect("it is killed");
        let engine = Engine::start(&site.path()).expect("it starts again");
        Self { site, engine }
    }
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

const SUDO: &str = "[gates]\napproval = \"sudo\"\n";

const APPLY: &[&str] = &["apply", "--yes", "--reason", "a test"];
const APPROVE: &[&str] = &["approve", "lab", "2", "--reason", "looked at it"];

#[test]
fn what_a_command_says_of_itself_is_kept_as_a_claim_and_makes_nobody_a_second_person() {
    let bench = Bench::with("[gates]\napproval = true\n");
    let pilot = bench.refused(Asker::Sudo("anna"), &[APPLY, &["--pilot", "5%"]].concat());
    assert!(pilot.contains("a second person has to approve"), "{pilot}");
    let changed = bench.ok(Asker::Sudo("anna"), APPLY);
    assert_eq!(changed["interfaces"][0]["kind"], "waiting");
    let author = bench.history()["revisions"][0]["author"].clone();
    let author = author.as_str().expect("a name");
    assert!(
        author.ends_with(" claiming to be anna") && author.contains("uid "),
        "{author}"
    );
    for claim in ["anna", "bela", ""] {
        let refused = bench.refused(Asker::Sudo(claim), APPROVE);
        assert!(refused.contains("a second person has to"), "{claim}: {refused}");
        assert!(refused.contains("an account of their own"), "{claim}: {refused}");
    }
    assert_eq!(bench.live(), 1);
}

#[test]
fn where_a_site_takes_sudos_word_whoever_it_names_beside_the_first_lets_a_revision_go_live() {
    let bench = Bench::with(SUDO);
    bench.ok(Asker::Sudo("anna"), APPLY);
    assert_eq!(bench.waiting(), [2]);
    let bench = bench.kill();
    assert_eq!(bench.waiting(), [2]);
    let same = bench.refused(Asker::Sudo("anna"), APPROVE);
    assert!(same.contains("a second person has to"), "{same}");
    let shown = bench.run(Asker::Sudo("anna"), &["history", "lab"]);
    assert!(String::from_utf8_lossy(&shown.stdout).contains("waits"));
    assert_eq!(bench.live(), 1);
    bench.ok(Asker::Sudo("bela"), APPROVE);
    assert_eq!(bench.live(), 2);
    assert!(bench.waiting().is_empty());
    assert!(bench.author_of("approval").ends_with(" claiming to be bela"));
    let again = bench.refused(Asker::Sudo("bela"), APPROVE);
    assert!(again.contains("does not wait"), "{again}");
}

#[test]
fn a_revision_that_waits_is_a_conflict_once_something_else_is_live() {
    let bench = Bench::with(SUDO);
    bench.ok(Asker::Sudo("anna"), APPLY);
    bench.site.write("transfuse.toml", "").expect("other settings");
    bench.site.add(&lab("a third")).expect("the file is changed");
    bench.ok(Asker::Sudo("anna"), APPLY);
    assert_eq!(bench.live(), 3);
    bench
        .site
        .write("transfuse.toml", SUDO)
        .expect("the settings of before");
    let late = bench.refused(Asker::Sudo("bela"), APPROVE);
    assert!(
        late.contains("was changed in the meantime: revision 3 is live"),
        "{late}"
    );
    assert_eq!(bench.live(), 3);
}

#[test]
fn whoever_began_a_shadow_cannot_promote_it_where_a_second_person_is_wanted() {
    let bench = Bench::with(SUDO);
    let begun = bench.ok(Asker::Sudo("anna"), &[APPLY, &["--shadow"]].concat());
    assert_eq!(begun["interfaces"][0]["kind"], "on-trial");
    let promote = ["trial", "promote", "lab", "--reason", "good enough"];
    let same = bench.refused(Asker::Sudo("anna"), &promote);
    assert!(same.contains("a second person has to"), "{same}");
    assert_eq!(bench.live(), 1);
    bench.ok(Asker::Sudo("bela"), &promote);
    assert_eq!(bench.live(), 2);
    assert!(bench.author_of("approval").ends_with(" claiming to be bela"));
    assert_eq!(bench.history()["changes"][0]["reason"], "good enough");
}

/// Three accounts at one socket: the engine's own, and two of the group that the site lets in.
#[test]
fn two_accounts_of_a_group_are_two_people_and_others_do_not_get_in() {
    let bench = Bench::with(&format!(
        "[gates]\napproval = true\n[control]\nsocket = \"asked.sock\"\ngroup = \"{ADMINS}\"\n"
    ));
    if !bench.is_root() {
        return;
    }
    let [anna, bela] = [ANNA, BELA].map(|uid| Asker::Account { uid, group: ADMINS });
    let stranger = Asker::Account {
        uid: BELA,
        group: OTHERS,
    };
    let outside = bench.refused(stranger, APPLY);
    assert!(
        outside.contains("cannot reach the engine") && outside.contains("[control]"),
        "{outside}"
    );

    bench.ok(anna, APPLY);
    assert_eq!(bench.history()["revisions"][0]["author"], format!("uid {ANNA}"));
    let same = bench.refused(anna, APPROVE);
    assert!(same.contains("a second person has to"), "{same}");
    // Root that anna has become, as sudo says, is anna.
    let disguised = bench.refused(Asker::Sudo(&format!("uid {ANNA}")), APPROVE);
    assert!(disguised.contains("a second person has to"), "{disguised}");
    assert_eq!(bench.live(), 1);
    bench.ok(bela, APPROVE);
    assert_eq!(bench.live(), 2);
    assert_eq!(bench.author_of("approval"), format!("uid {BELA}"));
    let history = bench.history();
    assert_eq!(history["changes"][0]["author"], format!("uid {BELA}"));

    // The same account stands behind everything else that is kept.
    bench.ok(
        anna,
        &["deliveries", "hold", "lab", "--revision", "1", "--reason", "a test"],
    );
    let held = bench.ok(bela, &["deliveries", "held"]);
    assert_eq!(held["holds"][0]["author"], format!("uid {ANNA}"));
    let codes = bench.site.path().join("tables/lab-codes.csv");
    let codes = fs::read_to_string(codes).expect("the table") + "NA,2951-2,Sodium,mmol/L\n";
    bench.site.write("tables/lab-codes.csv", codes).expect("a new row");
    bench.ok(bela, &["tables", "apply", "lab-codes", "--reason", "a test"]);
    let history = bench.ok(bela, &["tables", "history", "lab-codes"]);
    let newest = history["changes"]
        .as_array()
        .and_then(|all| all.first())
        .expect("a change");
    assert_eq!(newest["author"], format!("uid {BELA}"));
    bench.ok(anna, &["pause", "lab", "--reason", "a test"]);
    let status = bench.ok(bela, &["status"]);
    assert_eq!(status["interfaces"][0]["paused"], format!("a test, by uid {ANNA}"));
}
