//! The bundle: the node program, and everything else of its folder in one tar file, named by their SHA-256.
//!
//! The same content gives the same bytes: names are sorted, times and owners left out.

use std::{
    fs::File,
    io::{Read as _, Write},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use aws_lc_rs::digest;
use letsbe_types::{Code, Problem};

/// Name of the node program in the bundle's folder.
pub const NODE_FILE: &str = "letsbe-node";
/// Name of the tar file on its way.
pub const TAR_FILE: &str = "bundle.tar";

/// Programs of others that are part of every bundle, in its folder `programs`.
pub const PROGRAMS: [&str; 2] = ["restic", "rclone"];

/// A bundle that is ready to be uploaded.
pub struct Bundle {
    /// The node program.
    pub node: PathBuf,
    /// SHA-256 of the node program, in hex.
    pub node_sha256: String,
    /// Everything else, in one tar file.
    pub tar: tempfile::NamedTempFile,
    /// SHA-256 of the tar file, in hex.
    pub bundle_sha256: String,
}

fn problem(path: &Path, error: impl std::fmt::Display) -> Problem {
    Problem::permanent(
        Code::NODE001,
        format!("The bundle at {} cannot be used: {error}", path.display()),
        "A bundle folder holds `letsbe-node`, `catalog/`, `programs/restic` and `programs/rclone`.",
    )
}

/// SHA-256 of a file, in hex.
///
/// # Errors
/// When the file cannot be read.
pub fn sha256_file(path: &Path) -> std::io::Result<String> {
    let mut file = File::open(path)?;
    let mut context = digest::Context::new(&digest::SHA256);
    let mut buffer = vec![0; 1 << 20];
    loop {
        let count = file.read(&mut buffer)?;
        if count == 0 {
            return Ok(hex::encode(context.finish()));
        }
        context.update(&buffer[..count]);
    }
}

/// Hashes the node program and packs the rest of the folder.
///
/// # Errors
/// When a file cannot be read, or the node program, the catalog or a program is missing: a server that is set up
/// without the programs could make no backup.
pub fn pack(folder: &Path) -> Result<Bundle, Problem> {
    let node = folder.join(NODE_FILE);
    let node_sha256 = sha256_file(&node).map_err(|error| problem(&node, error))?;
    let catalog = folder.join("catalog");
    if !catalog.is_dir() {
        return Err(problem(&catalog, "there is no such folder"));
    }
    for name in PROGRAMS {
        let program = folder.join("programs").join(name);
        let mode = program.metadata().map_err(|error| problem(&program, error))?.permissions().mode();
        if mode & 0o100 == 0 {
            return Err(problem(&program, "it is no program (mode)"));
        }
    }
    let tar = tempfile::NamedTempFile::new().map_err(|error| problem(folder, error))?;
    write_tar(folder, tar.as_file()).map_err(|error| problem(folder, error))?;
    let bundle_sha256 = sha256_file(tar.path()).map_err(|error| problem(folder, error))?;
    Ok(Bundle { node, node_sha256, tar, bundle_sha256 })
}

fn write_tar(folder: &Path, sink: &File) -> std::io::Result<()> {
    let mut archive = tar::Builder::new(std::io::BufWriter::new(sink));
    archive.mode(tar::HeaderMode::Deterministic);
    archive.follow_symlinks(true);
    let entries = walkdir::WalkDir::new(folder).follow_links(true).sort_by_file_name();
    for entry in entries {
        let entry = entry?;
        let name = entry.path().strip_prefix(folder).map_err(std::io::Error::other)?;
        if entry.file_type().is_file() && name != Path::new(NODE_FILE) {
            archive.append_path_with_name(entry.path(), name)?;
        }
    }
    archive.into_inner()?.flush()
}

/// Unpacks a bundle's tar file into a folder that does not exist yet.
///
/// # Errors
/// When the file is no tar file, or the folder cannot be written.
pub fn unpack(tar: &Path, folder: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(folder)?;
    let mut archive = tar::Archive::new(std::io::BufReader::new(File::open(tar)?));
    // `unpack` refuses names that lead out of the folder.
    archive.unpack(folder)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::{PROGRAMS, pack, unpack};

    fn folder(node: &str, tool: &str) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join("catalog/tools/ghost")).unwrap();
        std::fs::write(folder.path().join("letsbe-node"), node).unwrap();
        std::fs::write(folder.path().join("catalog/tools/ghost/tool.toml"), tool).unwrap();
        std::fs::create_dir(folder.path().join("programs")).unwrap();
        for name in PROGRAMS {
            let program = folder.path().join("programs").join(name);
            std::fs::write(&program, name).unwrap();
            std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        }
        folder
    }

    #[test]
    fn equal_content_has_equal_hashes_and_a_change_shows() {
        let (one, two, other) = (folder("n", "a"), folder("n", "a"), folder("n", "b"));
        let [one, two, other] = [&one, &two, &other].map(|folder| pack(folder.path()).unwrap());
        assert_eq!(one.bundle_sha256, two.bundle_sha256);
        assert_eq!(one.node_sha256, other.node_sha256);
        assert_ne!(one.bundle_sha256, other.bundle_sha256);
    }

    #[test]
    fn what_was_packed_is_unpacked_without_the_node_program() {
        let source = folder("n", "content");
        let bundle = pack(source.path()).unwrap();
        let target = tempfile::tempdir().unwrap();
        let unpacked = target.path().join("bundle");
        unpack(bundle.tar.path(), &unpacked).unwrap();
        assert_eq!(
            std::fs::read_to_string(unpacked.join("catalog/tools/ghost/tool.toml")).unwrap(),
            "content"
        );
        assert!(!unpacked.join("letsbe-node").exists());
        for name in PROGRAMS {
            let mode = unpacked.join("programs").join(name).metadata().unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o755, "{name} can be run on the server");
        }
    }

    #[test]
    fn a_bundle_without_its_programs_is_refused_by_the_files_name() {
        for name in PROGRAMS {
            let source = folder("n", "content");
            let program = source.path().join("programs").join(name);
            std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o644)).unwrap();
            let refused = || pack(source.path()).err().unwrap();
            assert!(refused().message.contains("it is no program"));
            std::fs::remove_file(&program).unwrap();
            let problem = refused();
            assert!(problem.code == "NODE001" && problem.message.contains(&format!("programs/{name}")));
        }
    }

    #[test]
    fn a_folder_without_catalog_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("letsbe-node"), "n").unwrap();
        assert!(pack(folder.path()).err().unwrap().message.contains("catalog"));
    }
}
