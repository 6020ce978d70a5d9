//! Calls of the API: servers, tasks and keys.

use futures::TryStreamExt;
use progenitor_client::ByteStream;

use crate::{
    client::ScpClient,
    error::{ErrorKind, ScpError, transport},
    generated::types,
    task::{TaskState, state_of},
};

const PAGE: i32 = 100;
/// No account of ours has more; a server that keeps on answering full pages must not hold us for ever.
const MOST_PAGES: i32 = 100;
/// The newest tasks of one server; enough to find one of today.
const TASKS_READ: i32 = 50;
const LARGEST_ANSWER: usize = 1 << 20;

/// What a server is told to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Power {
    /// Switch on.
    On,
    /// Ask the system to shut down.
    Off,
    /// Cut the power.
    HardOff,
    /// Press the reset button.
    Reset,
}

pub(crate) fn task_of(what: &str, task: types::TaskInfo) -> Result<String, ScpError> {
    task.uuid.ok_or_else(|| {
        ScpError::new(ErrorKind::Unexpected, format!("Netcup's answer to \"{what}\" names no task"))
    })
}

/// Servers.
impl ScpClient {
    /// Whether API and login both work.
    ///
    /// # Errors
    /// The first failure.
    pub async fn ping(&self) -> Result<(), ScpError> {
        self.call("ping", |api| async move { api.ping().await }).await.map(drop)
    }

    /// All servers of the account. The list has neither addresses nor power states.
    ///
    /// # Errors
    /// When a page cannot be read.
    pub async fn servers(&self) -> Result<Vec<types::ServerListMinimal>, ScpError> {
        let mut servers = Vec::new();
        for page in 0..MOST_PAGES {
            let offset = Some(page * PAGE);
            let next = self.call("list of servers", |api| async move {
                api.list_servers(None, None, Some(PAGE), None, offset, None, None).await
            });
            let next = next.await?;
            let last = next.len() < usize::try_from(PAGE).unwrap_or(usize::MAX);
            servers.extend(next);
            if last {
                return Ok(servers);
            }
        }
        Err(ScpError::new(ErrorKind::Unexpected, "Netcup's list of servers does not end"))
    }

    /// One server with its live state.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn server(&self, server: i32) -> Result<types::Server, ScpError> {
        let what = format!("server {server}");
        self.call(&what, |api| async move { api.get_server(server, Some(true)).await }).await
    }

    /// The images that can be installed on a server.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn image_flavours(&self, server: i32) -> Result<Vec<types::ImageFlavour>, ScpError> {
        let what = format!("images for server {server}");
        self.call(&what, |api| async move { api.list_image_flavours(server).await }).await
    }

    pub(crate) async fn post_image(
        &self,
        server: i32,
        setup: &types::ServerImageSetup,
    ) -> Result<String, ScpError> {
        let what = format!("installation on server {server}");
        let task = self.call(&what, |api| async move { api.install_image(server, setup).await }).await?;
        task_of(&what, task)
    }

    /// Switches a server. Gives the task, or none if it was done at once.
    ///
    /// # Errors
    /// When Netcup refuses or does not answer.
    pub async fn set_power(&self, server: i32, power: Power) -> Result<Option<String>, ScpError> {
        let (state, option) = match power {
            Power::On => ("ON", None),
            Power::Off => ("OFF", None),
            Power::HardOff => ("OFF", Some("POWEROFF")),
            Power::Reset => ("ON", Some("RESET")),
        };
        let state = Some(types::ServerState1::Variant1(state.to_owned()));
        self.patch(server, option, &types::PatchServerBody::StatePatch(types::ServerStatePatch { state }))
            .await
    }

    /// Sets the host name that Netcup shows.
    ///
    /// # Errors
    /// When Netcup refuses or does not answer.
    pub async fn set_hostname(&self, server: i32, hostname: &str) -> Result<Option<String>, ScpError> {
        let hostname = Some(hostname.to_owned());
        self.patch(
            server,
            None,
            &types::PatchServerBody::HostnamePatch(types::ServerHostnamePatch { hostname }),
        )
        .await
    }

    /// Sets the nickname; an empty one takes it away.
    ///
    /// # Errors
    /// When Netcup refuses or does not answer.
    pub async fn set_nickname(&self, server: i32, nickname: &str) -> Result<Option<String>, ScpError> {
        let nickname = Some(nickname.to_owned());
        self.patch(
            server,
            None,
            &types::PatchServerBody::NicknamePatch(types::ServerNicknamePatch { nickname }),
        )
        .await
    }

    /// One attribute at a time, as the API demands. An empty answer means done, a task means under way.
    async fn patch(
        &self,
        server: i32,
        option: Option<&str>,
        body: &types::PatchServerBody,
    ) -> Result<Option<String>, ScpError> {
        let what = format!("change of server {server}");
        let stream =
            self.call(&what, |api| async move { api.patch_server(server, option, body).await }).await?;
        let answer = whole(&what, stream).await?;
        if answer.is_empty() {
            return Ok(None);
        }
        let task = serde_json::from_slice(&answer).map_err(|error| {
            ScpError::new(
                ErrorKind::Unexpected,
                format!("Netcup's answer to \"{what}\" is not understood: {error}"),
            )
        })?;
        task_of(&what, task).map(Some)
    }
}

async fn whole(what: &str, stream: ByteStream) -> Result<Vec<u8>, ScpError> {
    let mut stream = stream.into_inner();
    let mut answer = Vec::new();
    while let Some(part) = stream.try_next().await.map_err(|error| transport(what, &error))? {
        answer.extend_from_slice(&part);
        if answer.len() > LARGEST_ANSWER {
            return Err(ScpError::new(
                ErrorKind::Unexpected,
                format!("Netcup's answer to \"{what}\" is too long"),
            ));
        }
    }
    Ok(answer)
}

/// Tasks and keys.
impl ScpClient {
    /// The newest tasks of a server.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn tasks(&self, server: i32) -> Result<Vec<types::TaskInfoMinimal>, ScpError> {
        let what = format!("tasks of server {server}");
        self.call(&what, |api| async move {
            api.list_tasks(Some(TASKS_READ), None, None, Some(server), None).await
        })
        .await
    }

    /// Where a task stands. Does not wait.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn task(&self, uuid: &str) -> Result<TaskState, ScpError> {
        let what = format!("task {uuid}");
        self.call(&what, |api| async move { api.get_task(uuid).await }).await.map(|task| state_of(&task))
    }

    /// The SSH keys of the account.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn ssh_keys(&self) -> Result<Vec<types::SshKey>, ScpError> {
        let user = self.user().await?;
        self.call("list of SSH keys", |api| async move { api.list_ssh_keys(user).await }).await
    }

    /// The number of a public key in the account; the key is added only if it is not there. Keys are told apart
    /// by type and content, not by their comment.
    ///
    /// # Errors
    /// When Netcup refuses the key or does not answer.
    pub async fn ensure_ssh_key(&self, name: &str, public_key: &str) -> Result<i32, ScpError> {
        if let Some(id) = key_among(&self.ssh_keys().await?, public_key) {
            return Ok(id);
        }
        let user = self.user().await?;
        let new =
            types::SshKey { created_at: None, id: None, key: public_key.trim().into(), name: name.into() };
        let new = &new;
        let added =
            self.call("upload of the SSH key", |api| async move { api.add_ssh_key(user, new).await }).await;
        match added {
            Ok(types::SshKey { id: Some(id), .. }) => Ok(id),
            Err(error) if !error.outcome_unknown() => Err(error),
            // It may be there although the answer is lost or lacks the number: read, never send again.
            other => key_among(&self.ssh_keys().await?, public_key).ok_or_else(|| match other {
                Err(error) => error,
                Ok(_) => ScpError::new(ErrorKind::Unexpected, "Netcup took the SSH key but does not list it"),
            }),
        }
    }

    /// Removes a key from the account.
    ///
    /// # Errors
    /// When Netcup refuses or does not answer.
    pub async fn delete_ssh_key(&self, key: i32) -> Result<(), ScpError> {
        let user = self.user().await?;
        self.call("removal of an SSH key", |api| async move { api.delete_ssh_key(user, key).await }).await
    }
}

fn key_among(keys: &[types::SshKey], public_key: &str) -> Option<i32> {
    let wanted: Vec<_> = public_key.split_whitespace().take(2).collect();
    let same = keys.iter().filter(|key| key.key.split_whitespace().take(2).collect::<Vec<_>>() == wanted);
    same.filter_map(|key| key.id).min()
}
