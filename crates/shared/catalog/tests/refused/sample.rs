//! A sound entry, which the tests spoil.

pub(crate) const TOOL: &str = r#"name = "alpha"
title = "Alpha"
description = "Does things."
licence = "MIT"
category = "website"
kind = "tool"
images = ["alpha:1.2"]

[needs]
ram_mb = 128
disk_gb = 1

[[services]]
name = "app"
container = "letsbe-alpha"
image = "alpha:1.2"

[[ports]]
service = "app"
host = 3999
container = 80

[[vhosts]]
label = "alpha"
port = 3999
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
port = 3999
required = true
start_seconds = 10
probe = { path = "/" }

[[functional]]
path = "/"

[setup]
port = 3999

[[setup.done_when]]
method = "POST"
path = "/login"
json = { password = "{{ admin_password }}" }

[update]
image = "alpha:1.2"
one_major_at_a_time = false
migrates_data = false

[restore]
stop = ["app"]
"#;

pub(crate) const COMPOSE: &str = r#"name: letsbe-alpha
services:
  app:
    image: alpha:1.2
    container_name: letsbe-alpha
    restart: unless-stopped
    env_file: [.env]
    volumes:
      - data:/data
    ports: ["127.0.0.1:3999:80"]
    healthcheck:
      test: ["CMD", "true"]
    mem_limit: 128m
    security_opt: ["no-new-privileges:true"]
    logging:
      driver: json-file
      options: { max-size: 10m, max-file: "3" }
volumes:
  data:
"#;

/// The sample's way to its owner.
pub(crate) const SETUP: &str = r#"[setup]
port = 3999

[[setup.done_when]]
method = "POST"
path = "/login"
json = { password = "{{ admin_password }}" }
"#;
