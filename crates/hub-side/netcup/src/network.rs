//! Calls of the API: snapshots, network, rescue system and user.

use std::net::IpAddr;

use crate::{calls::task_of, client::ScpClient, error::ScpError, generated::types};

impl ScpClient {
    /// The snapshots of a server.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn snapshots(&self, server: i32) -> Result<Vec<types::SnapshotMinimal>, ScpError> {
        let what = format!("snapshots of server {server}");
        self.call(&what, |api| async move { api.list_snapshots(server).await }).await
    }

    /// What stands in the way of a snapshot; empty if nothing does.
    ///
    /// # Errors
    /// When Netcup refuses or does not answer.
    pub async fn check_snapshot(
        &self,
        server: i32,
        check: &types::ServerSnapshotCreateCheck,
    ) -> Result<Vec<types::ResponseError>, ScpError> {
        let what = format!("check of a snapshot of server {server}");
        self.call(&what, |api| async move { api.check_snapshot(server, check).await }).await
    }

    /// Starts a snapshot; its name must be new.
    ///
    /// # Errors
    /// When Netcup refuses or does not answer.
    pub async fn create_snapshot(
        &self,
        server: i32,
        snapshot: &types::ServerSnapshotCreate,
    ) -> Result<String, ScpError> {
        let what = format!("snapshot of server {server}");
        let task = self.call(&what, |api| async move { api.create_snapshot(server, snapshot).await }).await?;
        task_of(&what, task)
    }

    /// Starts the removal of a snapshot.
    ///
    /// # Errors
    /// When Netcup refuses or does not answer.
    pub async fn delete_snapshot(&self, server: i32, name: &str) -> Result<String, ScpError> {
        let what = format!("removal of a snapshot of server {server}");
        let task = self.call(&what, |api| async move { api.delete_snapshot(server, name).await }).await?;
        task_of(&what, task)
    }

    /// The network interfaces of a server, with their reverse names.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn interfaces(&self, server: i32) -> Result<Vec<types::Interface>, ScpError> {
        let what = format!("interfaces of server {server}");
        self.call(&what, |api| async move { api.list_interfaces(server, Some(true)).await }).await
    }

    /// The firewall of one interface.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn firewall(&self, server: i32, mac: &str) -> Result<types::ServerFirewall, ScpError> {
        let what = format!("firewall of server {server}");
        self.call(&what, |api| async move { api.get_firewall(server, mac, None).await }).await
    }

    /// Replaces the firewall of one interface.
    ///
    /// # Errors
    /// When Netcup refuses or does not answer.
    pub async fn set_firewall(
        &self,
        server: i32,
        mac: &str,
        firewall: &types::ServerFirewallSave,
    ) -> Result<String, ScpError> {
        let what = format!("change of the firewall of server {server}");
        let task =
            self.call(&what, |api| async move { api.put_firewall(server, mac, firewall).await }).await?;
        task_of(&what, task)
    }

    /// The name that an address resolves to.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn reverse_name(&self, address: IpAddr) -> Result<Option<String>, ScpError> {
        let (what, ip) = (format!("reverse name of {address}"), address.to_string());
        let ip = ip.as_str();
        let found = match address {
            IpAddr::V4(_) => self.call(&what, |api| async move { api.get_rdns_ipv4(ip).await }).await?,
            IpAddr::V6(_) => self.call(&what, |api| async move { api.get_rdns_ipv6(ip).await }).await?,
        };
        Ok(found.rdns)
    }

    /// Sets the name that an address resolves to.
    ///
    /// # Errors
    /// When Netcup refuses or does not answer.
    pub async fn set_reverse_name(&self, address: IpAddr, name: &str) -> Result<(), ScpError> {
        let what = format!("reverse name of {address}");
        let (ip, rdns) = (address.to_string(), name.to_owned());
        match address {
            IpAddr::V4(_) => {
                let body = &types::SetRdnsIpv4 { ip, rdns };
                self.call(&what, |api| async move { api.set_rdns_ipv4(body).await }).await
            }
            IpAddr::V6(_) => {
                let body = &types::SetRdnsIpv6 { ip, rdns };
                self.call(&what, |api| async move { api.set_rdns_ipv6(body).await }).await
            }
        }
    }

    /// Takes away the name that an address resolves to.
    ///
    /// # Errors
    /// When Netcup refuses or does not answer.
    pub async fn remove_reverse_name(&self, address: IpAddr) -> Result<(), ScpError> {
        let (what, ip) = (format!("reverse name of {address}"), address.to_string());
        let ip = ip.as_str();
        match address {
            IpAddr::V4(_) => self.call(&what, |api| async move { api.delete_rdns_ipv4(ip).await }).await,
            IpAddr::V6(_) => self.call(&what, |api| async move { api.delete_rdns_ipv6(ip).await }).await,
        }
    }

    /// Whether the rescue system is active. (Its password, which the answer carries, is not passed on.)
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn rescue_system(&self, server: i32) -> Result<bool, ScpError> {
        let what = format!("rescue system of server {server}");
        let status = self.call(&what, |api| async move { api.get_rescue_system(server).await }).await?;
        Ok(status.active.unwrap_or(false))
    }

    /// Starts or ends the rescue system.
    ///
    /// # Errors
    /// When Netcup refuses or does not answer.
    pub async fn set_rescue_system(&self, server: i32, active: bool) -> Result<String, ScpError> {
        let what = format!("rescue system of server {server}");
        let task = if active {
            self.call(&what, |api| async move { api.start_rescue_system(server).await }).await?
        } else {
            self.call(&what, |api| async move { api.stop_rescue_system(server).await }).await?
        };
        task_of(&what, task)
    }

    /// The account's user, with its IP allow-list.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn user_details(&self) -> Result<types::User, ScpError> {
        let user = self.user().await?;
        self.call("SCP user", |api| async move { api.get_user(user).await }).await
    }
}
