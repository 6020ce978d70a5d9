//! The S3 service (moto), with buckets that can be locked, and a thief who tries what his key allows.

use std::net::Ipv4Addr;

use letsbe_types::Secret;
use serde::{Deserialize, de::DeserializeOwned};

use super::{start_from, wait_for};
use crate::{
    docker::{self, DockerError},
    network::LabNetwork,
};

const LAST: u8 = 15;
const PORT: u16 = 9000;
const PYTHON: &str = "python3";
const SCRIPT: &str = "/opt/lab/storage.py";

/// An S3 service with versioning, object lock and IAM that checks every key.
#[derive(Debug)]
pub struct Storage {
    /// Its base address.
    pub endpoint: String,
    /// Its region.
    pub region: &'static str,
    /// The operator's own account, which may do everything.
    pub operator: Account,
    container: String,
}

/// An access key.
#[derive(Debug, Clone, Deserialize)]
pub struct Account {
    /// Its id.
    pub access_key_id: String,
    /// Its secret half.
    pub secret_access_key: Secret<String>,
}

/// What somebody with a key did to a bucket.
#[derive(Debug, Clone, Deserialize)]
pub struct Theft {
    /// How often what worked.
    pub done: std::collections::BTreeMap<String, u64>,
    /// What was refused, and the service's code.
    pub refused: std::collections::BTreeMap<String, String>,
}

/// What a bucket holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct Totals {
    /// Objects as a visitor sees them.
    pub current: u64,
    /// Versions of objects, the current ones too.
    pub versions: u64,
    /// Marks that something was deleted.
    pub markers: u64,
}

impl Storage {
    /// Starts the service, with nothing in it but the operator's account.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn start(network: &LabNetwork) -> Result<Self, DockerError> {
        let (container, address) = start_from("storage", network, "storage", LAST, &[], &[]).await?;
        wait_for(&container, || answers(address)).await?;
        let operator = match docker::exec(&container, &["cat", "/run/operator.json"]).await {
            Ok(text) => understood(&text)?,
            Err(_) => understood(&docker::exec(&container, &[PYTHON, SCRIPT, "open"]).await?)?,
        };
        let endpoint = format!("http://{address}:{PORT}");
        Ok(Self { endpoint, region: "us-east-1", operator, container })
    }

    /// Has a thief with this key delete and break whatever it can in a bucket.
    ///
    /// # Errors
    /// When the script does not run.
    pub async fn steal(&self, bucket: &str, account: &Account) -> Result<Theft, DockerError> {
        let key = serde_json::json!({
            "access_key_id": account.access_key_id,
            "secret_access_key": account.secret_access_key.expose(),
        });
        let command = [PYTHON, SCRIPT, "thief", bucket];
        understood(&docker::exec_with_input(&self.container, &command, key.to_string().as_bytes()).await?)
    }

    /// Tries with the operator's own key to get past the lock of a version.
    ///
    /// # Errors
    /// When the bucket has no version with a lock.
    pub async fn weaken(&self, bucket: &str) -> Result<Theft, DockerError> {
        understood(&docker::exec(&self.container, &[PYTHON, SCRIPT, "weaken", bucket]).await?)
    }

    /// What a bucket holds.
    ///
    /// # Errors
    /// When there is no such bucket.
    pub async fn totals(&self, bucket: &str) -> Result<Totals, DockerError> {
        understood(&docker::exec(&self.container, &[PYTHON, SCRIPT, "totals", bucket]).await?)
    }

    /// Makes the service deaf: connections hang.
    ///
    /// # Errors
    /// When the engine refuses.
    pub async fn take_away(&self) -> Result<(), DockerError> {
        docker::docker(&["pause", &self.container]).await.map(drop)
    }

    /// Brings the service back after [`Storage::take_away`].
    ///
    /// # Errors
    /// When the engine refuses.
    pub async fn bring_back(&self) -> Result<(), DockerError> {
        docker::docker(&["unpause", &self.container]).await.map(drop)
    }
}

async fn answers(address: Ipv4Addr) -> Result<(), String> {
    let asked = reqwest::get(format!("http://{address}:{PORT}/moto-api/data.json")).await;
    asked.and_then(reqwest::Response::error_for_status).map(drop).map_err(|error| error.to_string())
}

fn understood<T: DeserializeOwned>(text: &str) -> Result<T, DockerError> {
    serde_json::from_str(text).map_err(|error| DockerError::failed("the S3 service", error.to_string()))
}
