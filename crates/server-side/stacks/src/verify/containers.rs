//! `containers.healthy` and `ports.on_loopback`: the state of our containers in Docker.

use std::sync::Arc;

use async_trait::async_trait;
use letsbe_host::{Assessment, Converge, Machine};
use letsbe_types::{Code, Problem, job::DesiredServer};

use super::{STEP, failed};
use crate::{Container, Deployment, troubled};

pub(super) struct ContainersHealthy {
    pub(super) deployment: Arc<Deployment>,
}

#[async_trait]
impl Converge for ContainersHealthy {
    type Facts = Vec<Container>;
    const NAME: &'static str = "containers.healthy";
    const STEP: u8 = STEP;

    async fn probe(&self, machine: &dyn Machine, _: &DesiredServer) -> Result<Self::Facts, Problem> {
        self.deployment.containers(machine).await
    }

    fn converge(&self, containers: &Self::Facts, _: &DesiredServer) -> Result<Assessment, Problem> {
        let services = || self.deployment.all().flat_map(|tool| &tool.services);
        let named = |required| {
            let those = services().filter(move |service| service.required == required);
            those.map(|service| service.container.clone()).collect::<Vec<String>>()
        };
        judge(&named(true), &named(false), containers)
    }
}

/// Containers of ours that nobody named are judged like required ones: something left them behind.
fn judge(required: &[String], optional: &[String], containers: &[Container]) -> Result<Assessment, Problem> {
    let say = |(name, trouble): &(&str, &str)| format!("{name} is {trouble}");
    let mut broken: Vec<String> = troubled(required, containers).iter().map(say).collect();
    let unnamed = |container: &&Container| {
        container.is_ours() && !required.contains(&container.name) && !optional.contains(&container.name)
    };
    let strays = containers.iter().filter(unnamed);
    broken.extend(strays.filter_map(|c| Some(format!("{} is {}", c.name, c.trouble()?))));
    if !broken.is_empty() {
        let hint = "`docker ps -a` shows all, `docker logs --tail 100 <name>` what a container did.";
        return Err(failed(Code::NODE055, broken.join(", "), hint));
    }
    let blemishes: Vec<String> = troubled(optional, containers).iter().map(say).collect();
    if !blemishes.is_empty() {
        return Ok(Assessment::Warned { warning: blemishes.join(", ") });
    }
    Ok(Assessment::converged(format!("{} containers are healthy", required.len() + optional.len())))
}

/// No container is published on an address that others can reach: Docker's own rules would let it past the firewall.
pub(super) struct PortsOnLoopback {
    pub(super) deployment: Arc<Deployment>,
}

#[async_trait]
impl Converge for PortsOnLoopback {
    type Facts = Vec<Container>;
    const NAME: &'static str = "ports.on_loopback";
    const STEP: u8 = STEP;

    async fn probe(&self, machine: &dyn Machine, _: &DesiredServer) -> Result<Self::Facts, Problem> {
        self.deployment.containers(machine).await
    }

    fn converge(&self, containers: &Self::Facts, _: &DesiredServer) -> Result<Assessment, Problem> {
        judge_ports(containers)
    }
}

fn judge_ports(containers: &[Container]) -> Result<Assessment, Problem> {
    let open: Vec<String> = containers
        .iter()
        .flat_map(|container| container.published.iter().map(move |published| (&container.name, published)))
        .filter(|(_, (address, _))| !address.is_some_and(|address| address.is_loopback()))
        .map(|(name, (_, text))| format!("{name} on {text}"))
        .collect();
    if open.is_empty() {
        return Ok(Assessment::converged("every published port is on the loopback interface"));
    }
    let hint = "Publish the port on 127.0.0.1 in the stack's compose file.";
    Err(failed(Code::NODE056, format!("reachable from outside: {}", open.join(", ")), hint))
}

#[cfg(test)]
mod tests {
    use letsbe_host::Assessment;

    use super::{judge, judge_ports};
    use crate::{Container, running_container};

    fn stopped(name: &str) -> Container {
        Container { state: "exited".to_owned(), ..running_container(name, "ghost", "now") }
    }

    #[test]
    fn required_and_stray_containers_fail_and_optional_ones_warn() {
        let (required, optional) = (["a".to_owned()], ["b".to_owned()]);
        let good = |name: &str| running_container(name, "ghost", "now");
        assert!(matches!(
            judge(&required, &optional, &[good("a"), good("b")]),
            Ok(Assessment::Converged { .. })
        ));
        assert!(matches!(
            judge(&required, &optional, &[good("a"), stopped("b")]),
            Ok(Assessment::Warned { .. })
        ));
        for (containers, message) in [
            (vec![stopped("a"), good("b")], "a is exited"),
            (vec![good("b")], "a is missing"),
            (vec![good("a"), good("b"), stopped("old")], "old is exited"),
        ] {
            assert_eq!(judge(&required, &optional, &containers).expect_err(message).message, message);
        }
        let foreign = Container { folder: "/home/someone".to_owned(), ..stopped("theirs") };
        assert!(
            judge(&required, &[], &[good("a"), foreign]).is_ok(),
            "other people's containers are not judged"
        );
    }

    #[test]
    fn a_port_on_another_address_than_loopback_is_found() {
        let on = |address: &str| {
            let published = vec![(address.parse().ok(), format!("{address}:80"))];
            vec![Container { published, ..running_container("x", "ghost", "now") }]
        };
        for address in ["127.0.0.1", "::1"] {
            assert!(judge_ports(&on(address)).is_ok(), "{address}");
        }
        for address in ["0.0.0.0", "::", "10.0.0.1", "not understood"] {
            assert!(judge_ports(&on(address)).is_err(), "{address}");
        }
    }
}
