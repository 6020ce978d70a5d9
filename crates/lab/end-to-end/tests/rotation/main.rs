//! Secrets are rotated on a real server, killed at every point and failing, and two thousand awkward ones against
//! real databases. Needs what `infrastructure.rs` needs.

mod crash;
mod own;
mod rotate;
mod secrets;
mod server;

use letsbe_end_to_end::site::Site;
use letsbe_lab::lab::{self, CatalogImages};
use server::Server;

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_every_point_a_rotation_ends_with_vault_database_and_files_agreeing() {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    lab::cleanup_stale().await.expect("what former runs left is removed");
    let site = Site::start(CatalogImages::Unpacked).await;
    let name = site.lab.name.clone();
    let told = tokio::spawn(async move {
        let server = Server::provisioned(&site).await;
        crash::everything(&site, &server).await;
    })
    .await;
    lab::remove(&name).await.expect("the lab is removed");
    if let Err(error) = told {
        std::panic::resume_unwind(error.into_panic());
    }
}
