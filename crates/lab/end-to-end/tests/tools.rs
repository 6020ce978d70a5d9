//! The tools' images work: the real programs answer on their real databases, and a stand-in keeps its rows in the
//! tool's engine and is not healthy without it. Needs what `infrastructure.rs` needs.

use std::{net::Ipv4Addr, time::Duration};

use letsbe_lab::{
    docker, images,
    lab::{self, CatalogImages, Lab, LabOptions},
    wait::eventually,
};
use serde_json::Value;

const PATIENCE: Duration = Duration::from_secs(180);

#[tokio::test(flavor = "multi_thread")]
async fn the_tools_answer() {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let options = LabOptions { images: CatalogImages::Absent, ..LabOptions::default() };
    let lab = Lab::start(options).await.expect("the lab starts");
    let name = lab.name.clone();
    let checked = tokio::spawn(async move {
        let lab = lab;
        tokio::join!(ghost(&lab), nocodb(&lab), wordpress(&lab), openclaw(&lab), standins(&lab));
    })
    .await;
    lab::remove(&name).await.expect("the lab is removed");
    if let Err(error) = checked {
        std::panic::resume_unwind(error.into_panic());
    }
}

async fn ghost(lab: &Lab) {
    let settings =
        ["MYSQL_ROOT_PASSWORD=root", "MYSQL_DATABASE=ghost", "MYSQL_USER=ghost", "MYSQL_PASSWORD=it's\\"];
    let database = run_as(lab, "mysql9", "mysql", &settings).await;
    healthy(lab, "mysql", &["mysqladmin", "ping", "--silent", "-h", "127.0.0.1"]).await;
    let host = format!("database__connection__host={database}");
    let settings = [
        "database__client=mysql",
        &host,
        "database__connection__user=ghost",
        "database__connection__password=it's\\",
        "database__connection__database=ghost",
        "url=https://blog.example",
    ];
    let ghost = run(lab, "ghost", &settings).await;
    // Ghost redirects what does not come over the scheme of its URL.
    let site =
        json(&format!("http://{ghost}:2368/ghost/api/admin/site/"), &[("x-forwarded-proto", "https")]).await;
    assert!(site["site"]["version"].as_str().is_some_and(|version| version.starts_with("6.")), "{site}");
    let tables = "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = 'ghost'";
    let counted =
        docker::exec(&container(lab, "mysql"), &["mysql", "-uroot", "-proot", "-N", "-e", tables]).await;
    assert!(
        counted.expect("a count").parse::<u32>().expect("a number") > 50,
        "Ghost's tables are in the database"
    );
}

async fn nocodb(lab: &Lab) {
    let database =
        run(lab, "postgres", &["POSTGRES_USER=nocodb", "POSTGRES_PASSWORD=pw", "POSTGRES_DB=nocodb"]).await;
    healthy(lab, "postgres", &["pg_isready", "-q", "-h", "127.0.0.1", "-U", "nocodb", "-d", "nocodb"]).await;
    let url = format!("NC_DB=pg://{database}:5432?u=nocodb&p=pw&d=nocodb");
    let tool =
        run(lab, "nocodb", &[&url, "NC_ADMIN_EMAIL=a@example.com", "NC_ADMIN_PASSWORD=Passw0rd.123"]).await;
    let health = json(&format!("http://{tool}:8080/api/v1/health"), &[]).await;
    assert_eq!(health["message"], "OK");
    let login = serde_json::json!({ "email": "a@example.com", "password": "Passw0rd.123" });
    let request =
        reqwest::Client::new().post(format!("http://{tool}:8080/api/v1/auth/user/signin")).json(&login);
    let token: Value = request.send().await.expect("an answer").json().await.expect("JSON");
    assert!(token["token"].is_string(), "{token}");
    assert!(text(&format!("http://{tool}:8080/dashboard/")).await.contains("NocoDB"));
}

async fn wordpress(lab: &Lab) {
    let settings = [
        "MARIADB_ROOT_PASSWORD=root",
        "MARIADB_DATABASE=wordpress",
        "MARIADB_USER=wordpress",
        "MARIADB_PASSWORD=pw",
    ];
    let database = run(lab, "mariadb", &settings).await;
    healthy(lab, "mariadb", &["healthcheck.sh", "--connect", "--innodb_initialized"]).await;
    let host = format!("WORDPRESS_DB_HOST={database}:3306");
    let settings = [host.as_str(), "WORDPRESS_DB_USER=wordpress", "WORDPRESS_DB_PASSWORD=pw"];
    let tool = run(lab, "wordpress", &settings).await;
    assert!(text(&format!("http://{tool}/")).await.contains("weblog_title"), "the installation page");
}

async fn openclaw(lab: &Lab) {
    let gateway = run(lab, "openclaw", &["OPENCLAW_GATEWAY_TOKEN=0123456789abcdef"]).await;
    assert_eq!(json(&format!("http://{gateway}:18789/health"), &[]).await["ok"], true);
}

async fn standins(lab: &Lab) {
    let kuma = run(lab, "standin-uptime-kuma", &[]).await;
    assert_eq!(json(&format!("http://{kuma}:3001/api/entry-page"), &[]).await["entryPage"], "dashboard");
    let database = run_as(lab, "postgres", "odoo-db", &["POSTGRES_USER=odoo", "POSTGRES_PASSWORD=pw"]).await;
    let host = format!("PGHOST={database}");
    let odoo = run(lab, "standin-odoo", &[&host, "PGUSER=odoo", "PGPASSWORD=pw"]).await;
    assert_eq!(json(&format!("http://{odoo}:8069/web/health"), &[]).await["status"], "pass");
    let rows = format!("http://{odoo}:8069/standin/rows");
    let written = reqwest::Client::new().post(&rows).body("a lead").send().await.expect("an answer");
    assert_eq!(written.status(), 201);
    let query = ["psql", "-U", "odoo", "-d", "odoo", "-Atc", "SELECT content FROM standin_rows"];
    let found = docker::exec(&container(lab, "odoo-db"), &query).await.expect("rows");
    assert_eq!(found, "a lead", "the row is in the tool's real engine");
    docker::docker(&["container", "stop", &container(lab, "odoo-db")]).await.expect("the database stops");
    let health = reqwest::get(format!("http://{odoo}:8069/web/health")).await.expect("an answer");
    assert_eq!(health.status(), 503, "without its database a stand-in is not healthy");
}

fn container(lab: &Lab, name: &str) -> String {
    format!("{}-{name}", lab.network.name)
}

async fn run(lab: &Lab, folder: &str, settings: &[&str]) -> Ipv4Addr {
    run_as(lab, folder, folder, settings).await
}

async fn run_as(lab: &Lab, folder: &str, name: &str, settings: &[&str]) -> Ipv4Addr {
    let image = images::ensure(folder).await.expect("the image");
    let address = lab.network.free_address().await.expect("an address");
    let (labels, name, ip) = (lab.network.labels(), container(lab, name), format!("--ip={address}"));
    let mut arguments = vec!["run", "--detach", "--network", &lab.network.name, &ip, "--name", &name];
    arguments.extend(labels.iter().map(String::as_str));
    arguments.extend(settings.iter().flat_map(|setting| ["--env", setting]));
    arguments.push(&image);
    docker::docker(&arguments).await.expect("the container starts");
    address
}

async fn healthy(lab: &Lab, name: &str, check: &[&str]) {
    let container = container(lab, name);
    eventually(name, PATIENCE, || async {
        Ok(docker::exec(&container, check).await.map_err(|error| error.to_string()))
    })
    .await
    .expect("it becomes healthy");
}

async fn text(url: &str) -> String {
    fetch(url, &[]).await
}

async fn json(url: &str, headers: &[(&str, &str)]) -> Value {
    serde_json::from_str(&fetch(url, headers).await).expect("JSON")
}

/// The page, as soon as it is there.
async fn fetch(url: &str, headers: &[(&str, &str)]) -> String {
    let client = reqwest::Client::new();
    eventually(url, PATIENCE, async || Ok(page(&client, url, headers).await)).await.expect("an answer")
}

async fn page(client: &reqwest::Client, url: &str, headers: &[(&str, &str)]) -> Result<String, String> {
    let request =
        headers.iter().fold(client.get(url), |request, (name, value)| request.header(*name, *value));
    let answer = request.send().await.and_then(reqwest::Response::error_for_status);
    answer.map_err(|error| format!("{error:?}"))?.text().await.map_err(|error| error.to_string())
}
