//! Two thousand random secrets, with every character that could trip a reader up: real databases take each of them
//! as our statements give it, let it in over the network, and refuse the one before; two hundred are given and proven by
//! the rotation's own code; env files carry them too.

use std::{collections::BTreeMap, time::Duration};

use letsbe_catalog::{
    Catalog, Credential, CredentialCategory, CredentialMethod, RenderContext, render_stack,
};
use letsbe_lab::{docker, images, wait::eventually};
use letsbe_types::Secret;
use letsbe_vault::{
    EnvFile,
    rotation::{Account, mysql_alters, mysql_options, postgres_alter, usable},
};
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng, seq::IndexedRandom as _};

use crate::own;

const COUNT: usize = 2_000;
const PATIENCE: Duration = Duration::from_secs(60);
/// Ends one input of a client; no password holds it.
const END: char = '\u{1}';
const AWKWARD: &str = "'\"\\$%`#;:&|!{}[]()<>~^*?=+,./@- ÄéßŒ€漢字";

fn passwords(seed: u64, characters: &str) -> Vec<Secret<String>> {
    let mut random = StdRng::seed_from_u64(seed);
    let awkward: Vec<char> = characters.chars().collect();
    let one = |_| {
        let length = random.random_range(1..=64);
        let mut text = String::new();
        for _ in 0..length {
            let plain = char::from(random.random_range(b'0'..=b'z'));
            let odd = *awkward.choose(&mut random).expect("some");
            text.push(if random.random_bool(0.5) { odd } else { plain });
        }
        let allowed = |c: &char| !c.is_ascii() || characters.contains(*c) || c.is_ascii_alphanumeric();
        let text: String = text.chars().filter(allowed).collect();
        // What begins or ends with a space, or looks like an option, is among them.
        if usable(&text) { text } else { "-e '\\".chars().filter(|c| characters.contains(*c)).collect() }
    };
    (0..COUNT).map(one).map(Secret::new).collect()
}

/// Passwords with every awkward character.
pub(crate) fn awkward(seed: u64) -> Vec<Secret<String>> {
    passwords(seed, AWKWARD)
}

/// Starts a database, feeds clients with what `script` reads, and removes it.
async fn with_database(folder: &str, settings: &[&str], ready: &[&str], script: &str, inputs: &[String]) {
    let image = images::ensure(folder).await.expect("the image");
    let mut arguments = vec!["run", "--detach", "--rm"];
    arguments.extend(settings.iter().flat_map(|setting| ["--env", setting]));
    arguments.push(&image);
    let container = docker::docker(&arguments).await.expect("the database starts");
    let fed = async {
        eventually(folder, PATIENCE, || async {
            Ok(docker::exec(&container, ready).await.map_err(|error| error.to_string()))
        })
        .await?;
        let input: String = inputs.iter().map(|input| format!("{input}{END}")).collect();
        anyhow::Ok(docker::exec_with_input(&container, &["bash", "-c", script], input.as_bytes()).await?)
    };
    let told = fed.await;
    docker::remove_containers(&[container]).await.expect("removed");
    assert_eq!(told.expect("every client does its work"), format!("{} inputs", inputs.len()));
}

/// An input that begins with `+` must be let in, one with `-` must be refused because of its password.
fn script(client: &str, refusal: &str) -> String {
    format!(
        "count=0; while IFS= read -r -d $'\\x01' input; do count=$((count+1)); \
         said=$({client} <<< \"${{input:1}}\" 2>&1); code=$?; \
         case \"${{input:0:1}}$code$said\" in +0*) ;; -[1-9]*'{refusal}'*) ;; \
         *) echo \"input $count ended with $code: $said\" >&2; exit 1;; esac; \
         done; echo \"$count inputs\""
    )
}

/// Starting a client for each costs most of the time: of five old passwords one is tried again.
fn is_tried_again(index: usize) -> bool {
    index.is_multiple_of(5)
}

#[tokio::test(flavor = "multi_thread")]
async fn two_thousand_random_secrets_are_taken_from_our_statements_and_two_hundred_by_the_rotations_own_code()
{
    docker::ensure_engine().await.expect("the engine");
    let (mariadb, postgresql) = (mariadb(), postgresql());
    tokio::join!(mariadb, postgresql);
    tokio::join!(own::mariadb(), own::postgresql());
}

/// The superuser gives itself each password, logged in over the network with the one before.
async fn mariadb() {
    let account = Account { user: "root".to_owned(), host: "%".to_owned() };
    let mut now = Secret::from("root");
    let mut inputs = Vec::new();
    for (index, new) in passwords(1, AWKWARD).into_iter().enumerate() {
        // Half of them where a backslash means itself.
        let escapes = index < COUNT / 2;
        let alter = mysql_alters(&[(&account, &new)], escapes).remove(0);
        let mode = if escapes { "" } else { "SET SESSION sql_mode = 'NO_BACKSLASH_ESCAPES'; " };
        let statement = Secret::new(format!("{mode}{}", alter.expose()));
        inputs.push(format!("+{}", mysql_options("root", &now, &statement).expose()));
        if is_tried_again(index) {
            inputs.push(format!("-{}", mysql_options("root", &now, &"SELECT 1".into()).expose()));
        }
        now = new;
    }
    inputs.push(format!("+{}", mysql_options("root", &now, &"SELECT 1".into()).expose()));
    let client = "mariadb --defaults-file=/dev/stdin --batch --protocol=tcp --host=\"$HOSTNAME\"";
    let script = script(client, "ERROR 1045 (28000)");
    with_database(
        "mariadb",
        &["MARIADB_ROOT_PASSWORD=root"],
        &["healthcheck.sh", "--connect"],
        &script,
        &inputs,
    )
    .await;
}

async fn postgresql() {
    let mut now = Secret::from("first");
    let mut inputs = Vec::new();
    for (index, new) in passwords(2, AWKWARD).into_iter().enumerate() {
        inputs.push(format!("+{}\n{}", now.expose(), postgres_alter("nocodb", &new).expose()));
        if is_tried_again(index) {
            inputs.push(format!("-{}\nSELECT 1;", now.expose()));
        }
        now = new;
    }
    inputs.push(format!("+{}\nSELECT 1;", now.expose()));
    let client = "psql -X -q -A -t -W -v ON_ERROR_STOP=1 -h \"$HOSTNAME\" -U nocodb -d nocodb";
    let script = script(client, "password authentication failed");
    let settings = ["POSTGRES_USER=nocodb", "POSTGRES_PASSWORD=first", "POSTGRES_DB=nocodb"];
    let ready = ["pg_isready", "-q", "-h", "127.0.0.1", "-U", "nocodb", "-d", "nocodb"];
    with_database("postgres", &settings, &ready, &script, &inputs).await;
}

#[test]
fn env_files_carry_what_docker_compose_and_the_vault_read_back() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../catalog");
    let catalog = Catalog::load(&folder).expect("the catalog");
    let mut tool = catalog.tools().find(|tool| tool.name.as_str() == "nocodb").expect("NocoDB").clone();
    // Without what no env file carries, and rendering refuses: a quote anywhere, a backslash at the end.
    let mut values = passwords(3, &AWKWARD.replace('\'', ""));
    for value in values.iter_mut().filter(|value| value.expose().ends_with('\\')) {
        *value = Secret::new(format!("{}/", value.expose()));
    }
    let keys: Vec<String> = (0..values.len()).map(|index| format!("v{index}")).collect();
    let credential = |key: &String| Credential {
        key: key.clone(),
        category: CredentialCategory::ApiToken,
        method: CredentialMethod::Hex,
        login: None,
        mixed: false,
        rotation: None,
    };
    tool.credentials = keys.iter().map(credential).collect();
    tool.setup = None;
    tool.functional.clear();
    let lines = keys.iter().map(|key| (key.to_ascii_uppercase(), format!("{{{{ {key} }}}}")));
    tool.env = [(".env".to_owned(), lines.collect()), ("db.env".to_owned(), BTreeMap::new())].into();
    let context = RenderContext {
        domain: "bakery.example".parse().expect("a domain"),
        owner_email: "ann@bakery.example".parse().expect("an address"),
        acme_email: "ssl@bakery.example".parse().expect("an address"),
        timezone: "Europe/Berlin".to_owned(),
        tenant: "tenant".to_owned(),
        ipv6: false,
        values: BTreeMap::new(),
    };
    let credentials = keys.iter().cloned().zip(values.iter().cloned()).collect();
    let stack = render_stack(&tool, &context, &credentials).expect("renders");
    let place = tempfile::tempdir().expect("a folder");
    std::fs::write(place.path().join("compose.yml"), &stack.compose).expect("written");
    for file in &stack.env {
        std::fs::write(place.path().join(&file.name), file.contents.expose()).expect("written");
    }
    let command = ["compose", "-f", "compose.yml", "config", "--format", "json"];
    let read =
        std::process::Command::new("docker").args(command).current_dir(&place).output().expect("docker");
    assert!(read.status.success(), "{}", String::from_utf8_lossy(&read.stderr));
    let read: serde_json::Value = serde_json::from_slice(&read.stdout).expect("JSON");
    let file = stack.env.iter().find(|file| file.name == ".env").expect("the file");
    let parsed = EnvFile::parse(file.contents.expose().as_bytes()).expect("our own parser reads it");
    for (key, value) in keys.iter().zip(&values) {
        let variable = key.to_ascii_uppercase();
        // `config` doubles the dollar, so that its output can be read again.
        let compose =
            read["services"]["app"]["environment"][&variable].as_str().map(|text| text.replace("$$", "$"));
        assert_eq!(compose.as_ref(), Some(value.expose()), "docker compose reads another {variable}");
        assert_eq!(parsed.get(&variable), Some(value), "our parser reads another {variable}");
    }
}
