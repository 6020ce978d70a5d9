//! A sound entry, which the tests spoil.

pub(crate) const TOOL: &str = r#"title = "Alpha"
description = "Does things."
licence = "MIT"
category = "website"

[needs]
disk_gb = 1

[[vhosts]]
label = "alpha"
body_mb = 1

[[state]]
volume = "data"
method = "files"

[[credentials]]
key = "admin_password"
category = "admin_password"
method = "base64_32"

[env.".env"]
PASSWORD = "{{ admin_password }}"

[health]
required = true
start_seconds = 10
probe = { path = "/" }

[[functional]]
path = "/"

[[setup.done_when]]
method = "POST"
path = "/login"
json = { password = "{{ admin_password }}" }

[update]
one_major_at_a_time = false
migrates_data = false

[restore]
stop = ["app"]
"#;

pub(crate) const COMPOSE: &str = r#"services:
  app:
    image: alpha:1.2
    container_name: letsbe-alpha
    env_file: [.env]
    volumes:
      - data:/data
    ports: ["3999:80"]
    healthcheck:
      test: ["CMD", "true"]
    mem_limit: 128m
volumes:
  data:
"#;

/// The sample's way to its owner.
pub(crate) const SETUP: &str = r#"[[setup.done_when]]
method = "POST"
path = "/login"
json = { password = "{{ admin_password }}" }
"#;
