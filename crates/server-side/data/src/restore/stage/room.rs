//! What the server has left, read from the system.

use letsbe_types::Problem;

use super::guard::Room;
use letsbe_base::{files, layout::Layout};

/// Where Docker keeps volumes.
const VOLUMES: &str = "var/lib/docker/volumes";

/// Memory and disk that are free now.
pub(crate) fn look(layout: &Layout) -> Result<Room, Problem> {
    let meminfo = std::path::Path::new("/proc/meminfo");
    let text = std::fs::read_to_string(meminfo).map_err(|error| files::unusable(meminfo, error))?;
    let memory =
        available(&text).ok_or_else(|| files::unusable(meminfo, "it does not say what is available"))?;
    let volumes = layout.root().join(VOLUMES);
    let places = if volumes.is_dir() { vec![volumes, layout.home()] } else { vec![layout.home()] };
    let mut disk = u64::MAX;
    for place in places {
        let found = rustix::fs::statvfs(&place).map_err(|error| files::unusable(&place, error))?;
        disk = disk.min(found.f_bavail.saturating_mul(found.f_frsize));
    }
    Ok(Room { memory, disk })
}

/// `MemAvailable:    1234 kB`, in bytes.
fn available(text: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::{available, look};
    use letsbe_base::layout::Layout;

    #[test]
    fn free_memory_is_read_as_the_kernel_writes_it() {
        assert_eq!(available("MemTotal: 9 kB\nMemAvailable:    2048 kB\n"), Some(2 << 20));
        assert_eq!(available("MemTotal: 9 kB\n"), None);
    }

    #[test]
    fn this_machine_has_room() {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::under(folder.path());
        std::fs::create_dir_all(layout.home()).unwrap();
        let room = look(&layout).unwrap();
        assert!(room.memory > 1 << 20 && room.disk > 1 << 20, "{room:?}");
    }
}
