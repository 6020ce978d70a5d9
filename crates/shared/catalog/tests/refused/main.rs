//! The shipped catalog loads; bad catalogs are refused with exact words: file, field, why.

mod check;
mod former;
mod sample;
#[path = "../support/mod.rs"]
mod support;

use std::{fs, path::Path};

use letsbe_catalog::{Catalog, CatalogErrors};
use sample::{COMPOSE, SETUP, TOOL};
use support::shipped;

const TIERS: &str = include_str!("../../../../../catalog/tiers.toml");

/// What to replace in the sample, by what, and the error that follows.
const TOOL_FAULTS: &[(&str, &str, &str)] = &[
    (
        "[health]\n",
        "[minimum_versions]\nalpha = \"1.3\"\n\n[health]\n",
        "minimum_versions.alpha: the image's tag 1.2 is older than 1.3",
    ),
    (
        "[health]\n",
        "[minimum_versions]\nbeta = \"1\"\n\n[health]\n",
        "minimum_versions.beta: there is no image \"beta\"",
    ),
    ("licence = \"MIT\"", "licence = \"\"", "licence: is empty"),
    ("[needs]", "[data_version]\nfrom = \"image\"\nwhy = \"\"\n[needs]", "data_version.why: is empty"),
    ("licence = \"MIT\"", "licenze = \"MIT\"", "line 3: unknown field `licenze`, expected one of "),
    ("body_mb = 1\n", "body_mb = 1\nport = 4000\n", "vhosts[0].port: there is no port \"4000\""),
    ("body_mb = 1\n", "body_mb = 1\nlogins = [\"/a|b\"]\n", "vhosts[0].logins: \"/a|b\" is no plain path"),
    (
        "body_mb = 1\n",
        "body_mb = 1\npasswords = [\"rpc\"]\n",
        "vhosts[0].passwords: \"rpc\" is no plain path",
    ),
    (
        "body_mb = 1\n",
        "body_mb = 1\nown_limit = \" \"\n",
        "vhosts[0].own_limit: a tool that counts by itself needs a word on how",
    ),
    ("required = true", "required = true\nport = 1", "health.port: there is no port \"1\""),
    (
        "password = \"{{ admin_password }}\"",
        "",
        "setup.done_when: must log in with a credential of the category admin_password",
    ),
    (
        "category = \"admin_password\"",
        "category = \"api_token\"",
        "setup.done_when: must log in with a credential of the category admin_password",
    ),
    (SETUP, "", "setup: is missing: the first visitor of its host names would own it"),
    (SETUP, "[setup]\ndone_when = []\n", "setup.done_when: must log in with a credential"),
    (
        "[needs]",
        "no_login = \"x\"\n[needs]",
        "no_login: a tool with a set-up has a log-in: leave one of them out",
    ),
    (
        "method = \"files\"",
        "method = \"disposable\"",
        "setup: needs a volume in which the tool keeps its accounts",
    ),
    (
        "[[functional]]\npath = \"/\"",
        "[[functional]]\npath = \"/\"\nmethod = \"POST\"",
        "functional: must hold a GET without a credential: it is asked from outside",
    ),
    (
        "key = \"admin_password\"",
        "key = \"admin\"",
        "credentials[0].key: \"admin\" is declared but no template uses it",
    ),
    ("[update]\n", "[update]\nservice = \"b\"\n", "update.service: there is no service \"b\""),
    ("[needs]", "optional_services = [\"b\"]\n[needs]", "optional_services: there is no service \"b\""),
    (
        "[needs]",
        "host_ports = [1]\n[needs]",
        "host_ports: no service of compose.yml has `network_mode: host`",
    ),
    ("[needs]", "depends_on_tools = [\"beta\"]\n[needs]", "depends_on_tools[0]: there is no tool \"beta\""),
    (
        "[needs]",
        "depends_on_tools = [\"alpha\"]\n[needs]",
        "depends_on_tools: the dependencies lead back to the tool itself",
    ),
    (
        "method = \"base64_32\"",
        "method = \"base64\"",
        "line 20: unknown variant `base64`, expected one of `base64_32`, `hex_32`, `ed25519`",
    ),
    (
        "method = \"base64_32\"",
        "method = \"base64_32\"\nrotation = \"keep\"",
        "line 21: invalid type: unit variant, expected newtype variant",
    ),
    (
        "method = \"base64_32\"",
        "method = \"base64_32\"\nrotation = { keep = \" \" }",
        "credentials[0].rotation: a credential that is kept needs a reason",
    ),
    (
        "[needs]",
        "[[exceptions]]\nrule = \"privileged\"\nservice = \"app\"\nreason = \"why not\"\n[needs]",
        "exceptions[0].rule: \"privileged\" is none of audit-log, container-view, healthcheck, host-network, raw-sockets",
    ),
    (
        "[needs]",
        "[upload]\npath = \"/opt/letsbe/data/alpha\"\npassword = \"admin_password\"\nmax_gb = 1\nmax_files = 9\n[needs]",
        "upload.path: is no path among state that is copied as files",
    ),
    (
        "[needs]",
        "[upload]\npath = \"/x\"\npassword = \"nothing\"\nmax_gb = 1\nmax_files = 9\n[needs]",
        "upload.password: there is no credential \"nothing\"",
    ),
    (
        "[needs]",
        "[upload]\npath = \"/x\"\npassword = \"admin_password\"\nmax_gb = 1\nmax_files = 9\n[needs]",
        "upload.password: its credential needs login = \"letsbe-website\"",
    ),
    (
        "{{ admin_password }}",
        "{{ admin_password }}{{ colour }}",
        "colour: alpha/tool.toml uses the variable \"colour\", which is not declared; declare it or correct the name",
    ),
];

fn write(root: &Path, folder: &str, tool: &str, compose: &str) {
    let place = root.join(folder);
    fs::create_dir_all(&place).expect("folder");
    fs::write(place.join("tool.toml"), tool).expect("tool.toml");
    fs::write(place.join("compose.yml"), compose).expect("compose.yml");
    fs::write(place.join("nginx.conf"), "# {{ server_name }}\n").expect("nginx.conf");
}

fn load(tool: &str, compose: &str) -> Vec<String> {
    let root = tempfile::tempdir().expect("folder");
    fs::write(root.path().join("tiers.toml"), TIERS).expect("tiers.toml");
    write(root.path(), "tools/alpha", tool, compose);
    lines(Catalog::load(root.path()))
}

fn lines(result: Result<Catalog, CatalogErrors>) -> Vec<String> {
    result.err().map(|errors| errors.0.iter().map(ToString::to_string).collect()).unwrap_or_default()
}

#[test]
fn the_shipped_catalog_is_sound() {
    let catalog = shipped();
    let names: Vec<&str> = catalog.platform().chain(catalog.tools()).map(|tool| tool.name.as_str()).collect();
    let platform = ["nginx", "secrets-proxy", "openclaw"];
    let tools =
        ["ghost", "nextcloud", "nocodb", "odoo", "portainer", "static-website", "uptime-kuma", "wordpress"];
    assert_eq!(names, [platform.as_slice(), tools.as_slice()].concat());
}

#[test]
fn a_service_whose_name_is_filled_in_is_refused() {
    let name = "{{ timezone }}";
    let tool = TOOL.replace("stop = [\"app\"]", &format!("stop = [\"{name}\"]"));
    let found = load(&tool, &COMPOSE.replace("  app:", &format!("  \"{name}\":")));
    let why = "must have its name, `image` and `container_name` as they are: nothing is filled in there";
    for service in [name, "Europe/Berlin"] {
        let wanted = format!("tools/alpha/compose.yml: services.{service}: {why}");
        assert!(found.contains(&wanted), "wanted {wanted}\nfound {found:#?}");
    }
}

#[test]
fn a_fault_in_tool_toml_is_named() {
    assert_eq!(load(TOOL, COMPOSE), Vec::<String>::new(), "the sample itself must be sound");
    for (from, to, why) in TOOL_FAULTS {
        assert!(TOOL.contains(from), "{from}");
        let found = load(&TOOL.replacen(from, to, 1), COMPOSE);
        let wanted = format!("tools/alpha/tool.toml: {why}");
        assert!(found.iter().any(|error| error.starts_with(&wanted)), "wanted {wanted}\nfound {found:#?}");
    }
}

#[test]
fn a_fault_in_compose_yml_is_named() {
    let app = "services.app";
    let table = [
        ("services:", "name: alpha\nservices:", "name: must be letsbe-alpha, which is added: leave it out".to_owned()),
        ("    image: alpha:1.2\n", "", format!("{app}.image: is missing: write `image: <name>:<version>`")),
        ("image: alpha:1.2", "image: beta", format!("{app}.image: \"beta\" has no pinned tag: write `<name>:<version>`")),
        ("image: alpha:1.2", "image: host:5000/beta", format!("{app}.image: \"host:5000/beta\" has no pinned tag")),
        ("image: alpha:1.2", "image: x/beta:latest", format!("{app}.image: \"x/beta:latest\" has no pinned tag")),
        ("    container_name: letsbe-alpha\n", "", format!("{app}.container_name: is missing: write `container_name: letsbe-alpha` (or `-app`)")),
        ("container_name: letsbe-alpha", "container_name: x", format!("{app}.container_name: \"x\" does not start with letsbe-alpha")),
        ("    mem_limit", "    restart: always\n    mem_limit", format!("{app}.restart: must be unless-stopped, which is added here: leave it out")),
        ("      test:", "      start_interval: 1s\n      test:", format!("{app}.healthcheck: has start_interval, which Docker below 25 (Debian's) refuses")),
        ("test: [\"CMD\", \"true\"]", "interval: 5s", format!("{app}.healthcheck: is missing")),
        ("mem_limit: 128m", "mem_limit: lots", format!("{app}.mem_limit: is missing, or not like 512m or 2g")),
        ("    mem_limit", "    logging: { driver: local }\n    mem_limit", format!("{app}.logging: must be json-file with max-size and max-file")),
        ("    mem_limit", "    security_opt: [\"seccomp:unconfined\"]\n    mem_limit", format!("{app}.security_opt: must hold no-new-privileges:true")),
        ("\"3999:80\"", "\"0.0.0.0:3999:80\"", format!("{app}.ports: 0.0.0.0:3999:80 would be open to everybody: write \"3999:80\"")),
        ("\"3999:80\"", "\"[::]:3999:80\"", format!("{app}.ports: [::]:3999:80 would be open to everybody: write \"3999:80\"")),
        ("\"3999:80\"", "\"80\"", format!("{app}.ports: 80 must be written \"<port of the server>:<port of the container>\"")),
        ("[\"3999:80\"]", "[{ target: 80, published: 3999 }]", format!("{app}.ports: {{\"published\":3999,\"target\":80}} must be written")),
        ("[\"3999:80\"]", "[3999:80]", format!("{app}.ports: must be published as 127.0.0.1:3999:80: write `ports: [")),
        ("    mem_limit", "    use_api_socket: true\n    mem_limit", format!("{app}.use_api_socket: is not allowed")),
        ("    mem_limit", "    privileged: true\n    mem_limit", format!("{app}.privileged: is not allowed")),
        ("    mem_limit", "    cap_add: [ALL]\n    mem_limit", format!("{app}.cap_add: must hold nothing else than CHOWN, DAC_OVERRIDE, FOWNER, FSETID, KILL, NET_BIND_SERVICE, SETGID, SETUID")),
        ("    mem_limit", "    cap_drop: [ALL]\n    cap_add: [SYS_ADMIN]\n    mem_limit", format!("{app}.cap_add: must hold nothing else than CHOWN, DAC_OVERRIDE, FOWNER, FSETID, KILL, NET_BIND_SERVICE, SETGID, SETUID")),
        ("    mem_limit", "    cap_drop: [NET_RAW]\n    mem_limit", format!("{app}.cap_drop: must be [ALL], which is added here: leave it out")),
        ("    mem_limit", "    pids_limit: -1\n    mem_limit", format!("{app}.pids_limit: must be a number above 0, which is added here: leave it out")),
        ("    mem_limit", "    pids_limit: 0\n    mem_limit", format!("{app}.pids_limit: must be a number above 0")),
        ("mem_limit: 128m", "mem_limit: 0m", format!("{app}.mem_limit: is missing, or not like 512m or 2g")),
        ("    mem_limit", "    security_opt: [\"no-new-privileges:true\", \"seccomp:unconfined\"]\n    mem_limit", format!("{app}.security_opt: must hold no-new-privileges:true alone")),
        ("services:\n", "include: [\"./more.yml\"]\nservices:\n", "include: is not allowed".to_owned()),
        ("- data:/data", "- ./../../state:/x:ro\n      - data:/data", format!("{app}.volumes: ./../../state lies outside the stack's own folder")),
        ("image: alpha:1.2", "image: \"alpha:{{ tenant }}\"", format!("{app}: must have its name, `image` and `container_name` as they are")),
        ("    mem_limit", "    network_mode: host\n    mem_limit", format!("{app}.network_mode: is not allowed without an exception \"host-network\"")),
        ("- data:/data", "- /var/run/docker.sock:/var/run/docker.sock\n      - data:/data", format!("{app}.volumes: mounts the Docker socket, which makes it root: containers are shown in /run/letsbe/docker")),
        ("- data:/data", "- /run/docker.sock:/x:ro\n      - data:/data", format!("{app}.volumes: mounts the Docker socket, which makes it root: containers are shown in /run/letsbe/docker")),
        ("- data:/data", "- /var/run:/x:ro\n      - data:/data", format!("{app}.volumes: /var/run lies outside /opt/letsbe/, /etc/letsencrypt, /run/letsbe/guardian, /run/letsbe/docker")),
        ("- data:/data", "- /run/letsbe:/x:ro\n      - data:/data", format!("{app}.volumes: /run/letsbe lies outside /opt/letsbe/, /etc/letsencrypt, /run/letsbe/guardian, /run/letsbe/docker")),
        ("- data:/data", "- /run/letsbe/docker:/x:ro\n      - data:/data", format!("{app}.volumes: sees the containers without an exception \"container-view\"")),
        ("- data:/data", "- /run/letsbe/guardian:/x:ro\n      - data:/data", format!("{app}.volumes: /run/letsbe/guardian is for the platform's own stacks")),
        ("- data:/data", "- { type: bind, source: /var/run/docker.sock, target: /x }\n      - data:/data", "volumes.{\"source\"".to_owned()),
        ("volumes:\n  data:", "volumes:\n  data:\n    driver_opts: { type: none, o: bind, device: /var/run }", "volumes.data: must say nothing more than its name".to_owned()),
        ("    mem_limit", "    volumes_from: [\"container:letsbe-ghost\"]\n    mem_limit", format!("{app}.volumes_from: is not allowed")),
        ("    mem_limit", "    group_add: [\"999\"]\n    mem_limit", format!("{app}.group_add: is not allowed")),
        ("    mem_limit", "    secrets: [x]\n    mem_limit", format!("{app}.secrets: is not allowed")),
        ("    mem_limit", "    configs: [x]\n    mem_limit", format!("{app}.configs: is not allowed")),
        ("- data:/data", "- /etc:/x:ro\n      - data:/data", format!("{app}.volumes: /etc lies outside /opt/letsbe/, /etc/letsencrypt, /run/letsbe/guardian, /run/letsbe/docker")),
        ("volumes:\n  data:", "networks:\n  letsbe-guardian:\n    external: true\nvolumes:\n  data:", "networks: is for the platform's own stacks".to_owned()),
        ("- data:/data", "- /opt/letsbe/data/alpha:/x\n      - data:/data", format!("{app}.volumes: /opt/letsbe/data/alpha is writable but not declared as state")),
        ("- data:/data", "- other:/x\n      - data:/data", "volumes.other: is missing in volumes".to_owned()),
        ("      - data:/data", "      - other:/data", "volumes.data: is missing in services".to_owned()),
        ("env_file: [.env]", "env_file: [x.env]", "env_file: \"x.env\" is not in tool.toml".to_owned()),
        ("env_file: [.env]", "hostname: a", "env_file: no service uses \".env\"".to_owned()),
        ("  app:\n", "  app: {}\n  other:\n", format!("{app}.image: is missing")),
        ("  app:\n", "   app:\n", format!("{app}.restart: must be unless-stopped, which is added here: leave it out, and indent by two spaces")),
        ("services:\n  app:", "services:\n  app: { image: \"alpha:1.2\", container_name: letsbe-alpha }\n  app-b:", format!("{app}.pids_limit: must be a number")),
        ("image: alpha:1.2", "image: {{ timezone }}", "syntax: ".to_owned()),
        ("    env_file", "    environment: { A: \"${SECRET}\" }\n    env_file", "interpolation: holds ${…}: values reach containers by env_file or a file, never by interpolation".to_owned()),
        ("    env_file", "    environment: { A: \"{{ admin_password }}\" }\n    env_file", "admin_password: alpha/compose.yml uses the variable \"admin_password\", which is not declared; declare it or correct the name".to_owned()),
        ("    env_file", "    environment: { A: \"{{ domain }\" }\n    env_file", "line 5: ".to_owned()),
        ("services:", "services: [", "syntax: ".to_owned()),
    ];
    for (from, to, why) in table {
        assert!(COMPOSE.contains(from), "{from}");
        let found = load(TOOL, &COMPOSE.replacen(from, to, 1));
        let wanted = format!("tools/alpha/compose.yml: {why}");
        assert!(found.iter().any(|error| error.starts_with(&wanted)), "wanted {wanted}\nfound {found:#?}");
    }
}

/// A tool with a database.
const DATABASE: &str = r#"[[databases]]
engine = "postgresql"
service = "app"
name = "alpha"
user = "alpha"
password = "admin_password"
rotation = "alter_user"

[[state]]"#;

#[test]
fn state_that_a_backup_would_miss_is_named() {
    let with = |from: &str, to: &str| DATABASE.replace(from, to);
    let database = "[[state]]";
    let covered = "method = \"database_volume\"";
    let table = [
        (
            "volume = \"data\"",
            "path = \"/etc/alpha\"".to_owned(),
            "state[0].path: \"/etc/alpha\" is no plain path",
        ),
        (
            "volume = \"data\"",
            "path = \"/opt/letsbe/data/../state\"".to_owned(),
            "state[0].path: \"/opt/letsbe",
        ),
        (
            "volume = \"data\"",
            "volume = \"data\"\npath = \"/opt/letsbe/data/x\"".to_owned(),
            "state[0].volume: either",
        ),
        ("volume = \"data\"", String::new(), "state[0].volume: either a volume or a path"),
        (
            "[[state]]",
            "[[state]]\nvolume = \"data\"\nmethod = \"files\"\n[[state]]".to_owned(),
            "state[1]: is declared twice",
        ),
        (
            "method = \"files\"",
            "method = \"sqlite\"".to_owned(),
            "state[0].sqlite: goes together with the method",
        ),
        (
            "method = \"files\"",
            "method = \"files\"\nsqlite = [\"a.db\"]".to_owned(),
            "state[0].sqlite: goes together",
        ),
        (
            "method = \"files\"",
            "method = \"sqlite\"\nsqlite = [\"../a.db\"]".to_owned(),
            "state[0].sqlite: \"../a.db\" is no plain",
        ),
        (
            "method = \"files\"",
            covered.to_owned(),
            "state[0].method: there is no database whose dump would cover it",
        ),
        (
            database,
            with("name = \"alpha\"", "name = \"al'pha\""),
            "databases[0].name: must be 1 to 48 letters",
        ),
        (
            database,
            with("user = \"alpha\"", "user = \"--help\""),
            "databases[0].user: must be 1 to 48 letters",
        ),
        (
            database,
            with("postgresql", "mongodb"),
            "databases[0].rotation: nothing tells a MongoDB its new password yet",
        ),
        (database, with("rotation = \"alter_user\"", ""), "databases[0].rotation: is missing"),
        (database, with("[[state]]", DATABASE), "databases[1].name: is the name of another database"),
        (database, DATABASE.to_owned(), "restore.stop: \"app\" runs a database, which is dumped"),
    ];
    for (from, to, why) in table {
        let found = load(&TOOL.replacen(from, &to, 1), COMPOSE);
        let wanted = format!("tools/alpha/tool.toml: {why}");
        assert!(found.iter().any(|error| error.starts_with(&wanted)), "wanted {wanted}\nfound {found:#?}");
    }
}

#[test]
fn what_services_mount_must_be_what_the_entry_says_it_is() {
    let running = TOOL.replace("stop = [\"app\"]", "");
    let with_database = running.replacen("[[state]]", DATABASE, 1);
    let covered = with_database.replace("method = \"files\"", "method = \"database_volume\"");
    let elsewhere = covered.replace("service = \"app\"\nname", "service = \"other\"\nname");
    assert_eq!(load(&covered, COMPOSE), Vec::<String>::new(), "a database whose volume is covered is sound");
    let two = "  other:\n    image: alpha:1.2\n    container_name: letsbe-alpha-other\n    healthcheck:\n      \
               test: [\"CMD\", \"true\"]\n    mem_limit: 1m\nvolumes:\n  data:";
    let shadow_compose = COMPOSE.replace("alpha:1.2", "library/postgres:16-alpine");
    for (tool, compose, why) in [
        (
            &running,
            COMPOSE.to_owned(),
            "services.app.volumes: writes to data, but restore.stop does not name",
        ),
        (&with_database, COMPOSE.to_owned(), "services.app.volumes: data holds a running database"),
        (&with_database, COMPOSE.to_owned(), "services.app.volumes: no database_volume is mounted"),
        (
            &TOOL.to_owned(),
            shadow_compose,
            "services.app.image: \"library/postgres:16-alpine\" is a database, but no",
        ),
        (
            &elsewhere,
            COMPOSE.replace("volumes:\n  data:", two),
            "services.app.volumes: data is a database's volume",
        ),
        (
            &elsewhere,
            COMPOSE.replace("volumes:\n  data:", two),
            "services.other.volumes: no database_volume is",
        ),
    ] {
        let found = load(tool, &compose);
        let wanted = format!("tools/alpha/compose.yml: {why}");
        assert!(found.iter().any(|error| error.starts_with(&wanted)), "wanted {wanted}\nfound {found:#?}");
    }
}

#[test]
fn a_template_block_in_compose_yml_is_named_with_its_line() {
    for (from, to, wanted) in [
        ("image: ", "image: \"{% if x %}{% endif %}\" # ", "`image` holds"),
        ("services:\n", "services: # {# x #}\n", "`services` holds"),
        ("services:\n", "# {% if timezone %}\nservices:\n", "holds"),
    ] {
        let compose = COMPOSE.replacen(from, to, 1);
        let line = compose.lines().position(|line| line.contains("{%") || line.contains("{#"));
        let wanted = format!("tools/alpha/compose.yml: line {}: {wanted} `{{%`", line.expect("there") + 1);
        let found = load(TOOL, &compose);
        assert!(found.iter().any(|error| error.starts_with(&wanted)), "wanted {wanted}\nfound {found:#?}");
    }
}

#[test]
fn a_folder_that_is_there_and_cannot_be_read_is_an_error() {
    for folder in ["tools", "platform", "shared", "agents", "tools/alpha/files"] {
        let root = tempfile::tempdir().expect("folder");
        fs::write(root.path().join("tiers.toml"), TIERS).expect("tiers.toml");
        write(root.path(), "tools/alpha", TOOL, COMPOSE);
        let path = root.path().join(folder);
        fs::remove_dir_all(&path).ok();
        fs::write(path, "no folder").expect("written");
        let wanted = format!("{folder}: folder: cannot be read: ");
        let found = lines(Catalog::load(root.path()));
        assert!(found.iter().any(|error| error.starts_with(&wanted)), "wanted {wanted}\nfound {found:#?}");
    }
}

#[test]
fn what_two_tools_share_is_named_and_all_errors_come_at_once() {
    let root = tempfile::tempdir().expect("folder");
    write(root.path(), "tools/alpha", TOOL, COMPOSE);
    let compose = COMPOSE.replace("container_name: letsbe-alpha", "container_name: letsbe-alpha-b");
    let tool = TOOL;
    write(root.path(), "tools/alpha-b", tool, &compose);
    write(root.path(), "tools/Beta", tool, &compose);
    write(root.path(), "tools/gamma", "name = ", COMPOSE);
    let found = lines(Catalog::load(root.path()));
    let wanted = [
        "tiers.toml: file: cannot be read: No such file or directory (os error 2)",
        "tools/Beta/tool.toml: folder: \"Beta\" is no tool name: use 1 to 40 lower-case letters",
        "tools/alpha-b/compose.yml: services.app.ports: 3999 is also a port of alpha",
        "tools/alpha-b/tool.toml: vhosts[0].label: \"alpha\" is also a host name of alpha",
        "tools/gamma/tool.toml: line 1: ",
    ];
    assert_eq!(found.len(), wanted.len(), "{found:#?}");
    for (found, wanted) in found.iter().zip(wanted) {
        assert!(found.starts_with(wanted), "wanted {wanted}\nfound {found}");
    }
}
