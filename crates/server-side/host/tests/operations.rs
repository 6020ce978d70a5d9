//! Every operation against recorded machines: fixture in, assessment out.
//!
//! A fixture `fixtures/operations/<operation>/<case>.toml` holds what a machine answers; `base` names another case
//! that it differs from. The assessment stands beside it in `<case>.expected`; `BLESS=1` writes those anew.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

use async_trait::async_trait;
use letsbe_catalog::UPLOAD_PORT;
use letsbe_host::{
    Assessment, Command, CommandOutput, FileWrite, Machine, MachineError, machine::FileState,
    server_operations,
};
use letsbe_types::{Problem, job::DesiredServer};
use serde::Deserialize;

const DESIRED: &str = r#"{
    "identity": "test-identity-1", "domain": "acme.example", "owner_email": "owner@acme.example",
    "timezone": "Europe/Berlin", "tier": "build", "tools": [], "docker": "distro",
    "admin_keys": ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBase64OfAKeyThatNobodyHasTheOtherHalfOf00 admin@test"],
    "registry_mirrors": ["http://172.17.0.1:5000"], "hub": null,
    "certificates": { "directory_url": null, "directory_roots_pem": null, "issued_roots_pem": null,
                      "contact": "ssl@acme.example" }
}"#;

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Fixture {
    /// The case that this one differs from.
    base: Option<String>,
    /// Fields of the wishes that differ.
    #[serde(default)]
    desired: BTreeMap<String, serde_json::Value>,
    /// By command line as displayed.
    #[serde(default)]
    commands: BTreeMap<String, Answer>,
    #[serde(default)]
    files: BTreeMap<String, File>,
    #[serde(default)]
    folders: BTreeMap<String, Vec<String>>,
    /// Files of the base that are not there.
    #[serde(default)]
    without: Vec<String>,
    /// Texts exchanged in files and answers of the base.
    #[serde(default)]
    exchanged: Vec<Exchange>,
}

#[derive(Debug, Clone, Deserialize)]
struct Answer {
    code: i32,
    stdout: String,
}

#[derive(Debug, Clone, Deserialize)]
struct File {
    mode: String,
    uid: u32,
    content: String,
}

#[derive(Debug, Clone, Deserialize)]
struct Exchange {
    from: String,
    to: String,
}

impl Fixture {
    fn load(folder: &Path, case: &str) -> Self {
        let path = folder.join(format!("{case}.toml"));
        let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let own: Self = toml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let Some(base) = &own.base else { return own };
        let mut whole = Self::load(folder, base);
        for path in &own.without {
            assert!(whole.files.remove(path).is_some(), "{case}: the base has no {path}");
        }
        for Exchange { from, to } in &own.exchanged {
            let mut found = false;
            let texts = whole.files.values_mut().map(|file| &mut file.content);
            for text in texts.chain(whole.commands.values_mut().map(|answer| &mut answer.stdout)) {
                found |= text.contains(from.as_str());
                *text = text.replace(from.as_str(), to);
            }
            assert!(found, "{case}: the base holds no {from:?}");
        }
        whole.desired.extend(own.desired);
        whole.commands.extend(own.commands);
        whole.files.extend(own.files);
        whole.folders.extend(own.folders);
        whole
    }

    fn desired(&self) -> DesiredServer {
        let mut desired: serde_json::Value = serde_json::from_str(DESIRED).expect("the wishes are JSON");
        for (name, value) in &self.desired {
            desired[name] = value.clone();
        }
        serde_json::from_value(desired).expect("the wishes are valid")
    }
}

#[async_trait]
impl Machine for Fixture {
    async fn run(&self, command: &Command) -> Result<CommandOutput, MachineError> {
        let answer = self.commands.get(&command.to_string()).ok_or_else(|| MachineError::Start {
            program: command.to_string(),
            source: std::io::ErrorKind::NotFound.into(),
        })?;
        Ok(CommandOutput { code: answer.code, stdout: answer.stdout.clone(), stderr: String::new() })
    }

    async fn read(&self, path: &Path) -> Result<Option<FileState>, MachineError> {
        Ok(self.files.get(path.to_str().expect("a plain path")).map(|file| FileState {
            content: file.content.clone(),
            mode: u32::from_str_radix(&file.mode, 8).expect("an octal mode"),
            uid: file.uid,
        }))
    }

    async fn list(&self, folder: &Path) -> Result<Vec<String>, MachineError> {
        Ok(self.folders.get(folder.to_str().expect("a plain path")).cloned().unwrap_or_default())
    }

    async fn write(&self, file: &FileWrite) -> Result<(), MachineError> {
        panic!("an assessment wrote {}", file.path.display())
    }

    async fn remove(&self, path: &Path) -> Result<(), MachineError> {
        panic!("an assessment removed {}", path.display())
    }

    async fn make_folder(&self, path: &Path, _: u32) -> Result<(), MachineError> {
        panic!("an assessment made {}", path.display())
    }
}

fn shown(assessment: &Result<Assessment, Problem>) -> String {
    match assessment {
        Ok(Assessment::Converged { why }) => format!("converged: {why}\n"),
        Ok(Assessment::Warned { warning }) => format!("warned: {warning}\n"),
        Ok(Assessment::Skipped { why }) => format!("skipped: {why}\n"),
        Ok(Assessment::Needed { because, changes }) => {
            let mut text = format!("needed: {because}\n");
            for change in changes {
                let _ = writeln!(text, "- {change}");
            }
            text
        }
        Err(problem) => {
            format!("refused: {problem}\nhint: {}\nretryable: {}\n", problem.hint, problem.retryable)
        }
    }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/operations")
}

fn cases(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut cases: Vec<String> = entries
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.strip_suffix(".toml").map(str::to_owned))
        .collect();
    cases.sort();
    cases
}

#[tokio::test]
async fn every_operation_decides_as_its_fixtures_say() {
    let mut wrong = Vec::new();
    for operation in server_operations(&BTreeSet::new()) {
        let folder = folder().join(operation.name());
        for case in cases(&folder) {
            let fixture = Fixture::load(&folder, &case);
            let found = shown(&operation.assess(&fixture, &fixture.desired()).await);
            let path = folder.join(format!("{case}.expected"));
            if std::env::var_os("BLESS").is_some() {
                fs::write(&path, &found).expect("the expectation can be written");
            }
            let expected = fs::read_to_string(&path).unwrap_or_default();
            if found != expected {
                wrong
                    .push(format!("{} {case}\n--- expected\n{expected}--- found\n{found}", operation.name()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn every_operation_has_a_fresh_a_converged_a_partial_and_a_hostile_case() {
    let operations = server_operations(&BTreeSet::new());
    for operation in &operations {
        let cases = cases(&folder().join(operation.name()));
        for kind in ["fresh", "converged", "partial", "hostile"] {
            let found = cases.iter().any(|case| case.starts_with(kind));
            assert!(found, "{} has no {kind} case; it has {cases:?}", operation.name());
        }
    }
    let folders = fs::read_dir(folder()).expect("the fixtures are there").count();
    assert_eq!(folders, operations.len(), "a folder of fixtures belongs to no operation");
}

#[tokio::test]
async fn what_is_called_converged_or_fresh_is_so() {
    for operation in server_operations(&BTreeSet::new()) {
        let folder = folder().join(operation.name());
        for case in cases(&folder) {
            let fixture = Fixture::load(&folder, &case);
            let assessment = operation.assess(&fixture, &fixture.desired()).await;
            let name = operation.name();
            match assessment {
                Ok(Assessment::Needed { changes, .. }) => {
                    assert!(!case.starts_with("converged"), "{name} {case} is not converged");
                    assert!(!changes.is_empty(), "{name} {case} needs no changes");
                }
                _ => assert!(!case.starts_with("partial"), "{name} {case} is converged or refused"),
            }
        }
    }
}

#[test]
fn operations_are_sorted_by_step_and_named_once() {
    let operations = server_operations(&BTreeSet::new());
    assert!(operations.is_sorted_by_key(|operation| operation.step()));
    let names: BTreeSet<&str> = operations.iter().map(|operation| operation.name()).collect();
    assert_eq!(names.len(), operations.len());
    assert_eq!(operations.first().map(|operation| operation.name()), Some("identity.planted"));
}

#[tokio::test]
async fn mail_is_let_in_where_a_mail_tool_is_selected_and_nowhere_else() {
    let folder = folder().join("firewall.closed");
    let plan = async |mail: BTreeSet<u16>, case: &str| {
        let operations = server_operations(&mail);
        let firewall = operations.iter().find(|operation| operation.name() == "firewall.closed");
        let fixture = Fixture::load(&folder, case);
        shown(&firewall.expect("there is one").assess(&fixture, &fixture.desired()).await)
    };
    let mail = BTreeSet::from([25, 993]);
    let opened = plan(mail.clone(), "converged").await;
    assert!(opened.contains("ufw allow 25/tcp\n- run ufw allow 993/tcp"), "{opened}");
    let kept = plan(mail, "partial-mail-open-without-a-mail-tool").await;
    assert!(kept.contains("delete allow 587/tcp") && !kept.contains("delete allow 25/tcp"), "{kept}");
}

#[tokio::test]
async fn uploads_have_a_port_and_a_jail_where_a_tool_takes_them_and_nowhere_else() {
    let plan = async |operation: &str, ports: &BTreeSet<u16>, case: &str| {
        let operations = server_operations(ports);
        let operation = operations.iter().find(|one| one.name() == operation).expect("there is one");
        let fixture = Fixture::load(&folder().join(operation.name()), case);
        shown(&operation.assess(&fixture, &fixture.desired()).await)
    };
    let (uploads, none) = (BTreeSet::from([UPLOAD_PORT]), BTreeSet::new());
    let opened = plan("firewall.closed", &uploads, "converged").await;
    assert!(opened.contains("\n- run ufw allow 22023/tcp\n"), "{opened}");
    let shut = plan("firewall.closed", &none, "partial-uploads-open-without-their-tool").await;
    assert!(shut.contains("\n- run ufw --force delete allow 22023/tcp\n"), "{shut}");
    let kept = plan("firewall.closed", &uploads, "partial-uploads-open-without-their-tool").await;
    assert!(!kept.contains("delete"), "{kept}");

    let guarded = plan("fail2ban.guarding", &uploads, "converged").await;
    for line in ["write /etc/fail2ban/filter.d/letsbe-sftp.conf", "restart fail2ban.service"] {
        assert!(guarded.contains(line), "{guarded}");
    }
    let with_jail = "partial-jail-for-uploads-without-their-tool";
    assert!(plan("fail2ban.guarding", &uploads, with_jail).await.starts_with("converged: "));
    assert!(plan("fail2ban.guarding", &none, with_jail).await.contains("its jails are not ours"));
}
