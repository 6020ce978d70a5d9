//! Servers of the lab: containers with systemd, sshd and their own Docker engine, as Netcup's Debian 12 gives them.

mod capabilities;
mod inside;

use std::{net::Ipv4Addr, time::Duration};

use letsbe_types::Secret;
use tokio::{io::AsyncReadExt, net::TcpStream};

use self::{capabilities::CAPABILITIES, inside::Inside};
use crate::{
    docker::{self, DockerError},
    images,
    network::{ADDRESS_LABEL, LabNetwork},
    unpacked::UnpackedImages,
    wait::eventually,
};

/// How long a server may take to boot.
const BOOT: Duration = Duration::from_secs(90);
/// How long sshd may take to greet.
const GREETING: Duration = Duration::from_secs(2);
/// Where sshd listens on a server that was hardened.
const MOVED_SSH: u16 = 22022;
/// How long a server gets to shut down in order, in seconds.
const SHUTDOWN_SECONDS: &str = "20";

/// What a server that is installed gets.
#[derive(Debug, Clone)]
pub struct HostSpec {
    /// Its name in the lab, for example `server-1`.
    pub name: String,
    /// The host name it gives itself.
    pub hostname: String,
    /// Its address; a free one when none is given.
    pub address: Option<Ipv4Addr>,
    /// Public keys that may log in as root.
    pub authorized_keys: Vec<String>,
    /// Name servers, asked in this order.
    pub resolvers: Vec<Ipv4Addr>,
    /// Carried out by root once it has booted, as a provider does for its customer.
    pub script: Option<Secret<String>>,
    /// What its Docker engine will have once that is installed; nothing when none is given.
    pub images: Option<UnpackedImages>,
}

/// A server of the lab.
#[derive(Debug, Clone)]
pub struct Host {
    /// Its name in the lab.
    pub name: String,
    /// The container that it is.
    pub container: String,
    /// Where it answers.
    pub address: Ipv4Addr,
    resolvers: Vec<Ipv4Addr>,
    inside: Inside,
}

impl Host {
    /// Installs a fresh server and waits until it has booted and sshd answers. One of the same name is wiped.
    ///
    /// # Errors
    /// When the engine refuses or the server does not boot.
    pub async fn create(network: &LabNetwork, spec: HostSpec) -> Result<Self, DockerError> {
        Self::wipe(network, &spec.name).await?;
        let address = match spec.address {
            Some(address) => address,
            None => network.free_address().await?,
        };
        let host = Self {
            container: container_name(network, &spec.name),
            name: spec.name,
            address,
            resolvers: spec.resolvers,
            inside: Inside::default(),
        };
        let volume = host.volume();
        let labels = network.labels();
        let mut create = vec!["volume", "create"];
        create.extend(labels.iter().map(String::as_str));
        create.push(&volume);
        docker::docker(&create).await?;
        if let Some(images) = spec.images {
            images.link_into(&volume).await?;
        }

        let vps = images::ensure("vps").await?;
        docker::docker(&host.run_arguments(network, &spec.hostname, &vps)).await?;
        let keys = spec.authorized_keys.join("\n") + "\n";
        host.write_file("/root/.ssh/authorized_keys", "600", keys.as_bytes()).await?;
        host.after_boot().await?;
        if let Some(script) = spec.script {
            host.exec_with_input(&["sh"], script.expose().as_bytes()).await?;
            host.after_jobs().await?;
        }
        Ok(host)
    }

    /// The host key that its sshd shows, in OpenSSH's one-line form: read past sshd, as on a provider's console.
    ///
    /// # Errors
    /// When the server is off.
    pub async fn host_key(&self) -> Result<String, DockerError> {
        let line = self.exec(&["cat", "/etc/ssh/ssh_host_ed25519_key.pub"]).await?;
        Ok(line.split_whitespace().take(2).collect::<Vec<_>>().join(" "))
    }

    /// The server of that name, if it exists (running or not).
    ///
    /// # Errors
    /// When its address cannot be read.
    pub async fn find(
        network: &LabNetwork,
        name: &str,
        resolvers: Vec<Ipv4Addr>,
    ) -> Result<Option<Self>, DockerError> {
        let container = container_name(network, name);
        if !docker::exists("container", &container).await {
            return Ok(None);
        }
        let label =
            docker::inspect(&container, &format!("{{{{index .Config.Labels \"{ADDRESS_LABEL}\"}}}}")).await?;
        let address = label
            .parse()
            .map_err(|_| DockerError::failed(format!("server {name}"), format!("odd address {label}")))?;
        Ok(Some(Self { name: name.to_owned(), container, address, resolvers, inside: Inside::default() }))
    }

    /// Whether the container is still there.
    pub async fn exists(&self) -> bool {
        docker::exists("container", &self.container).await
    }

    /// Whether it is switched on.
    pub async fn is_running(&self) -> bool {
        docker::inspect(&self.container, "{{.State.Running}}").await.is_ok_and(|running| running == "true")
    }

    /// Removes a server and its disk. One that does not exist is fine.
    ///
    /// # Errors
    /// When the engine refuses.
    pub async fn wipe(network: &LabNetwork, name: &str) -> Result<(), DockerError> {
        let container = container_name(network, name);
        docker::remove_containers(std::slice::from_ref(&container)).await?;
        docker::remove_objects("volume", &[volume_name(&container)]).await
    }

    /// Removes this server and its disk.
    ///
    /// # Errors
    /// When the engine refuses.
    pub async fn destroy(&self) -> Result<(), DockerError> {
        docker::remove_containers(std::slice::from_ref(&self.container)).await?;
        docker::remove_objects("volume", &[self.volume()]).await
    }

    /// Shuts down in order.
    ///
    /// # Errors
    /// When the engine refuses.
    pub async fn power_off(&self) -> Result<(), DockerError> {
        docker::docker(&["container", "stop", "--time", SHUTDOWN_SECONDS, &self.container]).await.map(drop)
    }

    /// Cuts the power.
    ///
    /// # Errors
    /// When the engine refuses; a server that is off is fine.
    pub async fn cut_power(&self) -> Result<(), DockerError> {
        if !self.is_running().await {
            return Ok(());
        }
        docker::kill(&self.container).await
    }

    /// Switches on and waits until it has booted.
    ///
    /// # Errors
    /// When it does not boot.
    pub async fn power_on(&self) -> Result<(), DockerError> {
        docker::docker(&["container", "start", &self.container]).await?;
        self.after_boot().await
    }

    /// Runs a command as root inside, past sshd: for looking at things, not for the product's work.
    ///
    /// # Errors
    /// When the command fails.
    pub async fn exec<S: AsRef<str>>(&self, command: &[S]) -> Result<String, DockerError> {
        self.inside.run(&self.container, command, None).await
    }

    /// Runs a script of the lab's own as root inside.
    ///
    /// # Errors
    /// When it fails.
    pub async fn script(&self, text: &str) -> Result<String, DockerError> {
        let ended = self.exec_with_input(&["sh", "-eu"], text.as_bytes()).await;
        ended.map_err(|error| match error {
            DockerError::Failed { message, .. } => DockerError::failed(text, message),
            other => other,
        })
    }

    /// Runs a command as root with this input, and gives what it printed.
    ///
    /// # Errors
    /// When it fails.
    pub async fn exec_with_input<S: AsRef<str>>(
        &self,
        command: &[S],
        input: &[u8],
    ) -> Result<String, DockerError> {
        self.inside.run(&self.container, command, Some(input)).await
    }

    /// Asks the secrets proxy's door as a program on the server does, with a key if there is one. The key goes through
    /// curl's input.
    ///
    /// # Errors
    /// When there is no answer, or not one of success.
    pub async fn ask_proxy(
        &self,
        path: &str,
        key: Option<&str>,
        body: &serde_json::Value,
    ) -> Result<String, DockerError> {
        let authorization = key.map(|key| format!("header = \"Authorization: Bearer {key}\"\n"));
        let data = body.to_string().replace('\\', "\\\\").replace('"', "\\\"");
        let input = format!(
            "url = \"http://127.0.0.1:8100{path}\"\nheader = \"Content-Type: application/json\"\n\
             {}data = \"{data}\"\n",
            authorization.unwrap_or_default()
        );
        let words = ["curl", "--silent", "--show-error", "--fail", "--max-time", "20", "--config", "-"];
        self.exec_with_input(&words, input.as_bytes()).await
    }

    /// Fault: the folder's disk is full. Writes under it fail with "no space left"; what is in it is hidden until
    /// [`Host::free_disk`].
    ///
    /// # Errors
    /// When it cannot be mounted.
    pub async fn fill_disk(&self, folder: &str) -> Result<(), DockerError> {
        self.exec(&["mkdir", "-p", folder]).await?;
        self.exec(&["mount", "-t", "tmpfs", "-o", "size=64k,mode=755", "full-disk", folder]).await?;
        let filler = format!("of={folder}/.filler");
        // It ends with "no space left", as it should.
        let _ = self.exec(&["dd", "if=/dev/zero", &filler, "bs=4k", "count=64"]).await;
        Ok(())
    }

    /// Ends [`Host::fill_disk`].
    ///
    /// # Errors
    /// When something still uses the folder.
    pub async fn free_disk(&self, folder: &str) -> Result<(), DockerError> {
        self.exec(&["umount", folder]).await.map(drop)
    }

    /// Fault: the package archive cannot be reached.
    ///
    /// # Errors
    /// When the server is off.
    pub async fn stop_package_server(&self) -> Result<(), DockerError> {
        // Nothing listens on the discard port, and no change of the sources gets past a proxy.
        let proxy =
            b"Acquire::http::Proxy \"http://127.0.0.1:9\";\nAcquire::https::Proxy \"http://127.0.0.1:9\";\n";
        self.write_file(BROKEN_PROXY, "644", proxy).await
    }

    /// Ends [`Host::stop_package_server`].
    ///
    /// # Errors
    /// When the server is off.
    pub async fn start_package_server(&self) -> Result<(), DockerError> {
        self.exec(&["rm", "-f", BROKEN_PROXY]).await.map(drop)
    }

    /// Fault: another operating system than Debian 12, for example `("ubuntu", "24.04")`.
    ///
    /// # Errors
    /// When the server is off.
    pub async fn other_os(&self, id: &str, version: &str) -> Result<(), DockerError> {
        let release =
            format!("PRETTY_NAME=\"{id} {version}\"\nNAME=\"{id}\"\nID={id}\nVERSION_ID=\"{version}\"\n");
        self.exec(&["rm", "-f", "/etc/os-release"]).await?;
        self.write_file("/etc/os-release", "644", release.as_bytes()).await
    }

    /// Writes a file inside.
    ///
    /// # Errors
    /// When the server is off.
    pub async fn write_file(&self, path: &str, mode: &str, content: &[u8]) -> Result<(), DockerError> {
        self.exec_with_input(&["install", "-m", mode, "/dev/stdin", path], content).await.map(drop)
    }

    async fn after_boot(&self) -> Result<(), DockerError> {
        // The file is a mount of the engine, which on its own would name a resolver that inner containers cannot
        // reach; so it is written, not replaced.
        let resolvers: String =
            self.resolvers.iter().map(|address| format!("nameserver {address}\n")).collect();
        if !resolvers.is_empty() {
            self.exec_with_input(&["tee", "/etc/resolv.conf"], resolvers.as_bytes()).await?;
        }
        eventually(&format!("booting server {}", self.name), BOOT, async || Ok(self.booted().await))
            .await
            .map_err(DockerError::TimedOut)
    }

    /// Waits until systemd has done what it was asked to, such as a restart of sshd, and sshd greets.
    async fn after_jobs(&self) -> Result<(), DockerError> {
        eventually(&format!("the script's end on {}", self.name), BOOT, async || {
            Ok(match self.exec(&["systemctl", "list-jobs"]).await {
                Ok(jobs) if jobs.contains("No jobs running") => self.booted().await,
                Ok(jobs) => Err(jobs),
                Err(error) => Err(error.to_string()),
            })
        })
        .await
        .map_err(DockerError::TimedOut)
    }

    async fn booted(&self) -> Result<(), String> {
        let state = self
            .exec(&["systemctl", "show", "--property=SystemState", "--value"])
            .await
            .map_err(|error| error.to_string())?;
        if !matches!(state.trim(), "running" | "degraded") {
            return Err(format!("systemd is {state}"));
        }
        // A server that was hardened has moved its sshd.
        let (first, moved) = tokio::join!(self.sshd_greets(22), self.sshd_greets(MOVED_SSH));
        if first || moved { Ok(()) } else { Err("sshd does not greet".to_owned()) }
    }

    async fn sshd_greets(&self, port: u16) -> bool {
        let greeting = async {
            let mut greeting = [0; 4];
            TcpStream::connect((self.address, port)).await?.read_exact(&mut greeting).await?;
            Ok::<_, std::io::Error>(greeting)
        };
        let read = tokio::time::timeout(GREETING, greeting).await;
        matches!(read, Ok(Ok(greeting)) if &greeting == b"SSH-")
    }

    fn volume(&self) -> String {
        volume_name(&self.container)
    }

    fn run_arguments(&self, network: &LabNetwork, hostname: &str, image: &str) -> Vec<String> {
        let mut arguments: Vec<String> =
            ["run", "--detach", "--name", &self.container, "--hostname", hostname].map(str::to_owned).into();
        arguments.extend(CAPABILITIES.iter().map(|capability| format!("--cap-add={capability}")));
        arguments.extend(
            [
                "--security-opt=seccomp=unconfined",
                "--security-opt=apparmor=unconfined",
                "--security-opt=systempaths=unconfined",
                "--device-cgroup-rule=a *:* rwm",
                "--cgroupns=host",
                "--volume=/sys/fs/cgroup:/sys/fs/cgroup:rw",
                "--tmpfs=/run",
                "--tmpfs=/run/lock",
                "--tmpfs=/tmp",
            ]
            .map(str::to_owned),
        );
        arguments.push(format!("--volume={}:/var/lib/docker", self.volume()));
        arguments.extend(network.labels());
        arguments.push(format!("--label={ADDRESS_LABEL}={}", self.address));
        arguments.push(format!("--network={}", network.name));
        arguments.push(format!("--ip={}", self.address));
        arguments.push(image.to_owned());
        arguments
    }
}

const BROKEN_PROXY: &str = "/etc/apt/apt.conf.d/00lab-no-archive";

fn container_name(network: &LabNetwork, name: &str) -> String {
    format!("{}-{name}", network.name)
}

fn volume_name(container: &str) -> String {
    format!("{container}-docker")
}
