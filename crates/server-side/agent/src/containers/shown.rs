//! What of Docker's answers is shown: known fields only. Left out are above all environments (the tools' passwords stand
//! there), folders of the host, and what health checks printed. Pure.

use serde_json::{Map, Value, json};

use super::allow::Shape;

/// Folder of the stacks.
const STACKS: &str = "/opt/letsbe/stacks/";
/// Stacks that a person restarts by the agent's own ways only.
pub(super) const PLATFORM: [&str; 3] = ["nginx", "openclaw", "secrets-proxy"];

const INFO: [&str; 21] = [
    "Architecture",
    "CgroupDriver",
    "CgroupVersion",
    "Containers",
    "ContainersPaused",
    "ContainersRunning",
    "ContainersStopped",
    "Driver",
    "ID",
    "Images",
    "KernelVersion",
    "MemTotal",
    "MemoryLimit",
    "NCPU",
    "Name",
    "OSType",
    "OSVersion",
    "OperatingSystem",
    "ServerVersion",
    "SwapLimit",
    "SystemTime",
];
const LISTED: [&str; 12] = [
    "Command",
    "Created",
    "Id",
    "Image",
    "ImageID",
    "Labels",
    "Names",
    "Ports",
    "SizeRootFs",
    "SizeRw",
    "State",
    "Status",
];
const CONTAINER: [&str; 9] =
    ["Args", "Created", "Driver", "Id", "Image", "Name", "Path", "Platform", "RestartCount"];
const STATE: [&str; 10] = [
    "Dead",
    "ExitCode",
    "FinishedAt",
    "OOMKilled",
    "Paused",
    "Pid",
    "Restarting",
    "Running",
    "StartedAt",
    "Status",
];
const CONFIG: [&str; 9] =
    ["Cmd", "Domainname", "Entrypoint", "ExposedPorts", "Hostname", "Image", "Labels", "Tty", "WorkingDir"];
const HOST_CONFIG: [&str; 5] = ["Memory", "NanoCpus", "NetworkMode", "PortBindings", "RestartPolicy"];
const MOUNT: [&str; 5] = ["Destination", "Mode", "Name", "RW", "Type"];
const IMAGE: [&str; 14] = [
    "Architecture",
    "Containers",
    "Created",
    "Id",
    "Labels",
    "Os",
    "ParentId",
    "RepoDigests",
    "RepoTags",
    "SharedSize",
    "Size",
    "VirtualSize",
    "Author",
    "Variant",
];
const NETWORK: [&str; 11] = [
    "Attachable",
    "Containers",
    "Created",
    "Driver",
    "EnableIPv6",
    "IPAM",
    "Id",
    "Ingress",
    "Internal",
    "Labels",
    "Name",
];
const VOLUME: [&str; 5] = ["CreatedAt", "Driver", "Labels", "Name", "Scope"];

/// An answer as it is shown.
pub(super) fn shown(shape: Shape, answer: &Value) -> Value {
    match shape {
        Shape::Info => {
            let mut info = pick(answer, &INFO);
            set(&mut info, "Swarm", pick(&answer["Swarm"], &["LocalNodeState"]));
            info
        }
        Shape::Containers => each(answer, listed),
        Shape::Container => container(answer),
        Shape::Images => each(answer, |image| pick(image, &IMAGE)),
        Shape::Image => {
            let mut image = pick(answer, &IMAGE);
            set(&mut image, "Config", config(&answer["Config"]));
            image
        }
        Shape::Networks => each(answer, |network| pick(network, &NETWORK)),
        Shape::Network => pick(answer, &NETWORK),
        Shape::Volumes => {
            json!({ "Volumes": each(&answer["Volumes"], |volume| pick(volume, &VOLUME)), "Warnings": null })
        }
        Shape::Volume => pick(answer, &VOLUME),
    }
}

fn listed(container: &Value) -> Value {
    let mut listed = pick(container, &LISTED);
    set(&mut listed, "HostConfig", pick(&container["HostConfig"], &["NetworkMode"]));
    set(&mut listed, "NetworkSettings", pick(&container["NetworkSettings"], &["Networks"]));
    set(&mut listed, "Mounts", each(&container["Mounts"], |mount| pick(mount, &MOUNT)));
    listed
}

fn container(answer: &Value) -> Value {
    let mut container = pick(answer, &CONTAINER);
    let mut state = pick(&answer["State"], &STATE);
    if answer["State"]["Health"].is_object() {
        set(&mut state, "Health", pick(&answer["State"]["Health"], &["FailingStreak", "Status"]));
    }
    set(&mut container, "State", state);
    set(&mut container, "Config", config(&answer["Config"]));
    set(&mut container, "HostConfig", pick(&answer["HostConfig"], &HOST_CONFIG));
    set(&mut container, "Mounts", each(&answer["Mounts"], |mount| pick(mount, &MOUNT)));
    set(&mut container, "NetworkSettings", pick(&answer["NetworkSettings"], &["Networks", "Ports"]));
    container
}

fn config(config: &Value) -> Value {
    let mut shown = pick(config, &CONFIG);
    set(&mut shown, "Env", json!([]));
    shown
}

fn set(object: &mut Value, name: &str, value: Value) {
    if let Some(object) = object.as_object_mut() {
        object.insert(name.to_owned(), value);
    }
}

fn pick(value: &Value, names: &[&str]) -> Value {
    let fields = names.iter().filter_map(|name| Some(((*name).to_owned(), value.get(name)?.clone())));
    Value::Object(fields.collect::<Map<_, _>>())
}

fn each(value: &Value, show: impl Fn(&Value) -> Value) -> Value {
    value.as_array().map_or(Value::Null, |items| items.iter().map(show).collect())
}

/// Whether a container belongs to a tool's stack: only these may be started and stopped from here.
pub(super) fn is_tools(container: &Value) -> bool {
    let label = |name: &str| container["Config"]["Labels"][name].as_str().unwrap_or_default();
    let stack = label("com.docker.compose.project.working_dir").strip_prefix(STACKS).unwrap_or_default();
    let is_stack = !stack.is_empty() && !stack.contains('/');
    is_stack
        && label("com.docker.compose.project") == format!("letsbe-{stack}")
        && !label("com.docker.compose.oneoff").eq_ignore_ascii_case("true")
        && !PLATFORM.contains(&stack)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{PLATFORM, Shape, is_tools, shown};

    /// A container as Docker describes it, with a canary wherever something could be secret.
    pub(crate) fn inspected(stack: &str) -> Value {
        json!({
            "Id": "0a1b", "Name": format!("/letsbe-{stack}"), "Path": "node", "Args": ["index.js"],
            "Created": "2026-11-21T10:00:00Z", "RestartCount": 1,
            "State": { "Status": "running", "Running": true, "Health": {
                "Status": "healthy", "FailingStreak": 0, "Log": [{ "Output": "canary-health" }] } },
            "LogPath": "/var/lib/docker/canary-log", "ResolvConfPath": "/var/lib/docker/canary-resolv",
            "GraphDriver": { "Data": { "UpperDir": "/var/lib/docker/canary-upper" } },
            "ExecIDs": ["canary-exec"],
            "HostConfig": { "Binds": ["/opt/canary-bind:/x"], "NetworkMode": "default", "Memory": 1,
                "Mounts": [{ "Source": "/opt/canary-mount" }], "LogConfig": { "Config": { "x": "canary-log" } } },
            "Mounts": [{ "Type": "bind", "Source": "/opt/canary-source", "Destination": "/data", "RW": true }],
            "Config": { "Env": ["PASSWORD=canary-env"], "Image": "ghost:6", "Hostname": "h",
                "Healthcheck": { "Test": ["canary-check"] },
                "Labels": {
                    "com.docker.compose.project": format!("letsbe-{stack}"),
                    "com.docker.compose.project.working_dir": format!("/opt/letsbe/stacks/{stack}") } },
            "NetworkSettings": { "Networks": { "n": {} }, "SandboxKey": "/run/canary-sandbox" },
        })
    }

    #[test]
    fn no_environment_no_folder_of_the_host_and_no_output_is_shown() {
        let container = inspected("ghost");
        let image = json!({ "Id": "i", "Config": { "Env": ["A=canary"], "Labels": {} }, "GraphDriver": "canary",
            "ContainerConfig": { "Env": ["A=canary"] }, "Parent": "canary" });
        let info = json!({ "ID": "x", "HttpProxy": "http://canary@x", "RegistryConfig": "canary",
            "DockerRootDir": "/canary", "Swarm": { "LocalNodeState": "inactive", "Cluster": "canary" } });
        let listed = json!([{ "Id": "0a1b", "Names": ["/x"], "Mounts": [{ "Source": "/canary", "Name": "v" }],
            "HostConfig": { "NetworkMode": "x", "Annotations": "canary" } }]);
        let volume = json!({ "Name": "v", "Mountpoint": "/canary", "Options": { "device": "canary" } });
        let volumes = json!({ "Volumes": [volume], "Warnings": ["canary"] });
        let network = json!({ "Id": "n", "Options": { "x": "canary" }, "Name": "net" });
        for (shape, answer) in [
            (Shape::Container, container.clone()),
            (Shape::Image, image.clone()),
            (Shape::Images, json!([image])),
            (Shape::Info, info),
            (Shape::Containers, listed),
            (Shape::Volume, volume),
            (Shape::Volumes, volumes),
            (Shape::Network, network.clone()),
            (Shape::Networks, json!([network])),
        ] {
            let shown = shown(shape, &answer).to_string();
            assert!(!shown.contains("canary"), "{shown}");
            assert!(shown.len() > 8, "{shape:?} shows nothing: {shown}");
        }
        let shown = shown(Shape::Container, &container);
        assert_eq!(shown["Config"]["Env"], json!([]));
        assert_eq!(shown["State"]["Health"]["Status"], "healthy");
        assert_eq!(shown["Mounts"][0]["Destination"], "/data");
        for odd in [json!(null), json!([]), json!({}), json!("canary"), json!([["canary"]])] {
            assert!(!super::shown(Shape::Containers, &odd).to_string().contains("canary"));
            assert!(!super::shown(Shape::Container, &odd).to_string().contains("canary"));
        }
    }

    #[test]
    fn only_a_tools_own_containers_are_changed() {
        assert!(is_tools(&inspected("ghost")));
        for stack in PLATFORM {
            assert!(!is_tools(&inspected(stack)), "{stack}");
        }
        let mut other = inspected("ghost");
        other["Config"]["Labels"]["com.docker.compose.project.working_dir"] =
            json!("/opt/letsbe/stacks/nginx");
        assert!(!is_tools(&other), "the two labels differ");
        other["Config"]["Labels"]["com.docker.compose.project.working_dir"] = json!("/tmp/ghost");
        assert!(!is_tools(&other));
        assert!(!is_tools(&json!({ "Config": {} })));
    }

    #[test]
    fn the_platforms_stacks_are_those_of_the_catalog() {
        let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../catalog/platform");
        let mut names: Vec<String> = std::fs::read_dir(root)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        assert_eq!(names, PLATFORM);
    }
}
