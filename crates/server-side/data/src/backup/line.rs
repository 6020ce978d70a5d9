//! A line to a far side that breaks when a certain request passes, and stays broken until it is mended.

use std::{
    io::{Read as _, Write as _},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use letsbe_types::{
    Secret,
    backup::{Destination, RcloneDestination},
};

/// What the ends of the line share.
#[derive(Default)]
struct Shared {
    broken: AtomicBool,
    mended: AtomicBool,
    asked: Mutex<Vec<String>>,
}

/// The line.
pub(super) struct Line {
    address: String,
    shared: Arc<Shared>,
}

impl Line {
    /// To `http://…`; it breaks when something is put at a path that holds this, after its first bytes have passed.
    pub(super) fn to(far: &str, breaks_at: &'static str) -> Self {
        let far = far.trim_start_matches("http://").to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let shared = Arc::new(Shared::default());
        let of_thread = shared.clone();
        std::thread::spawn(move || {
            for near in listener.incoming().flatten() {
                let (shared, far) = (of_thread.clone(), far.clone());
                std::thread::spawn(move || drop(carry(&near, &far, breaks_at, &shared)));
            }
        });
        Self { address, shared }
    }

    /// A folder behind it as a destination.
    pub(super) fn destination(&self, path: &str) -> Destination {
        Destination::Rclone(RcloneDestination {
            remote: "far".to_owned(),
            path: path.to_owned(),
            configuration: Secret::new(format!(
                "[far]\ntype = webdav\nvendor = other\nurl = http://{}\n",
                self.address
            )),
        })
    }

    /// The first lines of all requests that have come so far.
    pub(super) fn asked(&self) -> Vec<String> {
        self.shared.asked.lock().unwrap().clone()
    }

    /// From now on everything passes.
    pub(super) fn mend(&self) {
        self.shared.mended.store(true, Ordering::SeqCst);
        self.shared.broken.store(false, Ordering::SeqCst);
    }
}

fn carry(near: &TcpStream, far: &str, breaks_at: &str, shared: &Shared) -> std::io::Result<()> {
    if shared.broken.load(Ordering::SeqCst) {
        return near.shutdown(Shutdown::Both);
    }
    let far = TcpStream::connect(far)?;
    let (mut back, mut to_near) = (far.try_clone()?, near.try_clone()?);
    std::thread::spawn(move || {
        drop(std::io::copy(&mut back, &mut to_near));
        drop(to_near.shutdown(Shutdown::Both));
    });
    let (mut near, mut far) = (near, &far);
    let mut piece = vec![0; 1 << 14];
    loop {
        let length = near.read(&mut piece)?;
        if length == 0 {
            return far.shutdown(Shutdown::Write);
        }
        let text = String::from_utf8_lossy(&piece[..length.min(400)]);
        let first = text.lines().next().filter(|line| line.ends_with("HTTP/1.1")).map(str::to_owned);
        let breaks = first.as_ref().is_some_and(|line| line.starts_with("PUT") && line.contains(breaks_at));
        shared.asked.lock().unwrap().extend(first);
        far.write_all(&piece[..length])?;
        if breaks && !shared.mended.load(Ordering::SeqCst) {
            shared.broken.store(true, Ordering::SeqCst);
        }
        if shared.broken.load(Ordering::SeqCst) {
            near.shutdown(Shutdown::Both)?;
            return far.shutdown(Shutdown::Both);
        }
    }
}
