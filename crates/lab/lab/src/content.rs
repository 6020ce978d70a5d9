//! A business's content on a server with WordPress, Ghost and NocoDB: thousands of rows and files, and one large upload;
//! and a count of it, by which two servers are compared.

use std::{collections::BTreeMap, net::SocketAddr, time::Duration};

use anyhow::{Context as _, ensure};
use reqwest::{Certificate, Client, StatusCode, redirect::Policy};

use crate::{hosts::Host, vault::host_credentials};

/// Tools that [`fill`] knows.
pub const TOOLS: [&str; 3] = ["wordpress", "ghost", "nocodb"];
/// Rows that each tool gets.
pub const ROWS: u32 = 3_000;
/// Files that WordPress gets, besides the upload.
pub const FILES: u32 = 3_000;
/// Bytes of the upload.
pub const UPLOAD_BYTES: u64 = 200 << 20;
/// Title of a page that must come back.
pub const PAGE: &str = "Sourdough since 1904";

const UPLOADS: &str = "/var/lib/docker/volumes/letsbe-wordpress_content/_data/uploads";
const PATIENCE: Duration = Duration::from_secs(30);

/// What is on a server: a name for each count, with the count or hash.
pub type Inventory = BTreeMap<String, String>;

/// Writes the content.
///
/// # Errors
/// When a database or the file system refuses.
pub async fn fill(host: &Host) -> anyhow::Result<()> {
    let posts = format!(
        "INSERT INTO wp_posts (post_author, post_date, post_date_gmt, post_content, post_title, post_excerpt, \
         post_status, comment_status, ping_status, post_name, to_ping, pinged, post_modified, post_modified_gmt, \
         post_content_filtered, post_type) SELECT 1, NOW(), NOW(), CONCAT('It''s \\n \"recipe\" no. ', seq, REPEAT(' \
         flour water salt', 20)), IF(seq = 1, '{PAGE}', CONCAT('Recipe ', seq)), '', 'publish', 'open', 'open', \
         CONCAT('recipe-', seq), '', '', NOW(), NOW(), '', 'post' FROM seq_1_to_{ROWS};"
    );
    mysql(host, "wordpress", &posts).await?;
    let members = format!(
        "INSERT INTO members (id, uuid, transient_id, email, status, name, created_at, updated_at) \
         WITH RECURSIVE n AS (SELECT 0 AS i UNION ALL SELECT i + 1 FROM n WHERE i < 99), \
         numbers AS (SELECT a.i * 100 + b.i + 1 AS seq FROM n AS a, n AS b) \
         SELECT SUBSTRING(SHA2(seq, 256), 1, 24), UUID(), UUID(), CONCAT('guest', seq, '@example.com'), 'free', \
         CONCAT('Guest \\'', seq), NOW(), NOW() FROM numbers WHERE seq <= {ROWS};"
    );
    mysql(host, "ghost", &members).await?;
    let orders = format!(
        "CREATE TABLE bakery_orders (id integer PRIMARY KEY, customer text NOT NULL, placed timestamptz NOT NULL); \
         INSERT INTO bakery_orders SELECT n, 'Tab\t newline\n quote '' ' || md5(n::text), now() FROM \
         generate_series(1, {ROWS}) AS n;"
    );
    postgres(host, "nocodb", &orders).await?;
    let files = format!(
        "set -e; mkdir -p {UPLOADS}/2026; cd {UPLOADS}/2026; i=0; while [ $i -lt {FILES} ]; do echo \"menu $i\" > \
         \"menu für $i.txt\"; i=$((i+1)); done; ln -sf menu\\ für\\ 1.txt latest; \
         dd if=/dev/urandom of=film.mp4 bs=1M count={} status=none; chown -R 33:33 {UPLOADS}",
        UPLOAD_BYTES >> 20
    );
    host.script(&files).await?;
    Ok(())
}

/// Changes about one row and one file in fifty.
///
/// # Errors
/// As [`fill`].
pub async fn change(host: &Host) -> anyhow::Result<()> {
    mysql(
        host,
        "wordpress",
        "UPDATE wp_posts SET post_content = CONCAT(post_content, '!') WHERE ID % 50 = 0;",
    )
    .await?;
    mysql(host, "ghost", "UPDATE members SET name = CONCAT(name, '!') WHERE SUBSTRING(id, 1, 2) < '05';")
        .await?;
    postgres(host, "nocodb", "UPDATE bakery_orders SET customer = customer || '!' WHERE id % 50 = 0;")
        .await?;
    let files = format!(
        "cd {UPLOADS}/2026; i=0; while [ $i -lt {FILES} ]; do echo again >> \"menu für $i.txt\"; i=$((i+50)); done; \
         dd if=/dev/urandom of=film.mp4 bs=1M count=4 seek=10 conv=notrunc status=none"
    );
    host.script(&files).await?;
    Ok(())
}

/// What is there.
///
/// # Errors
/// When a database does not answer.
pub async fn inventory(host: &Host) -> anyhow::Result<Inventory> {
    let mut found = Inventory::new();
    let mut put = |name: &str, value: String| found.insert(name.to_owned(), value.trim().to_owned());
    let posts = "SELECT COUNT(*), COALESCE(SUM(CRC32(CONCAT(post_title, post_content))), 0) FROM wp_posts;";
    put("wordpress posts", mysql(host, "wordpress", posts).await?);
    let members = "SELECT COUNT(*), COALESCE(SUM(CRC32(CONCAT(email, name))), 0) FROM members;";
    put("ghost members", mysql(host, "ghost", members).await?);
    let orders =
        "SELECT count(*), coalesce(md5(string_agg(customer, ',' ORDER BY id)), '') FROM bakery_orders;";
    put("nocodb orders", postgres(host, "nocodb", orders).await?);
    let files = format!(
        "find {UPLOADS}/2026 | wc -l; cd {UPLOADS}/2026 && sha256sum film.mp4 && cat menu* | sha256sum"
    );
    put("wordpress files", host.script(&files).await?);
    Ok(found)
}

/// Pages answer over HTTPS with what was written there, and the owner's logins work.
///
/// # Errors
/// What does not.
pub async fn pages_and_logins(host: &Host, domain: &str, roots_pem: &str, email: &str) -> anyhow::Result<()> {
    let names = ["www", "blog", "tables"].map(|label| format!("{label}.{domain}"));
    let [www, blog, tables] = &names;
    let address = SocketAddr::new(host.address.into(), 0);
    let builder = Client::builder()
        .tls_certs_only([Certificate::from_pem(roots_pem.as_bytes())?])
        .no_proxy()
        .timeout(PATIENCE)
        .redirect(Policy::none());
    let client = names.iter().fold(builder, |builder, name| builder.resolve(name, address)).build()?;
    let credentials = host_credentials(host).await?;
    let password = |tool: &str| {
        let value = credentials.get(tool, "admin_password").with_context(|| format!("{tool}'s password"))?;
        anyhow::Ok(value.expose().clone())
    };

    let found = client.get(format!("https://{www}/?s=Sourdough")).send().await?.text().await?;
    ensure!(found.contains(PAGE), "WordPress does not find its page: {found:.300}");
    let form =
        [("log", email.to_owned()), ("pwd", password("wordpress")?), ("wp-submit", "Log In".to_owned())];
    let login = client
        .post(format!("https://{www}/wp-login.php"))
        .header("cookie", "wordpress_test_cookie=WP%20Cookie%20check")
        .form(&form)
        .send()
        .await?;
    let cookies: Vec<&str> =
        login.headers().get_all("set-cookie").iter().filter_map(|value| value.to_str().ok()).collect();
    let logged_in = cookies.iter().any(|cookie| cookie.starts_with("wordpress_logged_in"));
    ensure!(login.status() == StatusCode::FOUND && logged_in, "WordPress's login: {}", login.status());

    let front = client.get(format!("https://{blog}/")).send().await?;
    ensure!(front.status().is_success(), "Ghost's page: {}", front.status());
    let session = client
        .post(format!("https://{blog}/ghost/api/admin/session/"))
        .header("origin", format!("https://{blog}"))
        .json(&serde_json::json!({ "username": email, "password": password("ghost")? }))
        .send()
        .await?;
    ensure!(session.status() == StatusCode::CREATED, "Ghost's login: {}", session.status());

    let token = client
        .post(format!("https://{tables}/api/v1/auth/user/signin"))
        .json(&serde_json::json!({ "email": email, "password": password("nocodb")? }))
        .send()
        .await?;
    ensure!(token.status().is_success(), "NocoDB's login: {}", token.status());
    Ok(())
}

/// Runs a statement in a tool's MySQL or MariaDB as its superuser; what it printed.
///
/// # Errors
/// When the database refuses.
pub async fn mysql(host: &Host, tool: &str, statement: &str) -> anyhow::Result<String> {
    let credentials = host_credentials(host).await?;
    let password = credentials.get(tool, "database_root_password").context("a root password")?;
    let variable = format!("MYSQL_PWD={}", password.expose());
    let container = format!("letsbe-{tool}-db");
    let command =
        ["docker", "exec", "-i", "-e", &variable, &container, "mysql", "-uroot", "-N", "--batch", tool];
    Ok(host.exec_with_input(&command, statement.as_bytes()).await?)
}

/// Runs a statement in a tool's PostgreSQL; what it printed.
///
/// # Errors
/// When the database refuses.
pub async fn postgres(host: &Host, tool: &str, statement: &str) -> anyhow::Result<String> {
    let container = format!("letsbe-{tool}-db");
    let command =
        ["docker", "exec", "-i", &container, "psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1"];
    let command = [command.as_slice(), &["-U", tool, "-d", tool]].concat();
    Ok(host.exec_with_input(&command, statement.as_bytes()).await?)
}
