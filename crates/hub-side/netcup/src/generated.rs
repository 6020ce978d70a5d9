// Made by tools/netcup-generator; do not edit.
// generator: netcup-generator 0.1.0
// description: sha256:73f1bb5852ebfe51ce8ce63e6fdd448bbff69258d8084e89ddfe3cfff5c52ba6
// operations: sha256:e6f05f05b23b28bac491812c45d8e3a65d5f06e65c4c676972c394ebc76b31bf

#[allow(unused_imports)]
pub use progenitor_client::{ByteStream, ClientInfo, Error, ResponseValue};
#[allow(unused_imports)]
use progenitor_client::{encode_path, ClientHooks, OperationInfo, RequestBuilderExt};
/// Types used as operation parameters and responses.
#[allow(clippy::all)]
pub mod types {
    ///`Architecture`
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug)]
    #[serde(untagged)]
    pub enum Architecture {
        Variant0(ArchitectureVariant0),
        Variant1(::std::string::String),
    }
    impl ::std::convert::From<ArchitectureVariant0> for Architecture {
        fn from(value: ArchitectureVariant0) -> Self {
            Self::Variant0(value)
        }
    }
    ///`ArchitectureVariant0`
    #[derive(
        ::serde::Deserialize,
        ::serde::Serialize,
        Clone,
        Copy,
        Debug,
        Eq,
        Hash,
        Ord,
        PartialEq,
        PartialOrd
    )]
    pub enum ArchitectureVariant0 {
        #[serde(rename = "AMD64")]
        Amd64,
        #[serde(rename = "ARM64")]
        Arm64,
    }
    impl ::std::fmt::Display for ArchitectureVariant0 {
        fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
            match *self {
                Self::Amd64 => f.write_str("AMD64"),
                Self::Arm64 => f.write_str("ARM64"),
            }
        }
    }
    impl ::std::str::FromStr for ArchitectureVariant0 {
        type Err = self::error::ConversionError;
        fn from_str(
            value: &str,
        ) -> ::std::result::Result<Self, self::error::ConversionError> {
            match value {
                "AMD64" => Ok(Self::Amd64),
                "ARM64" => Ok(Self::Arm64),
                _ => Err("invalid value".into()),
            }
        }
    }
    impl ::std::convert::TryFrom<&str> for ArchitectureVariant0 {
        type Error = self::error::ConversionError;
        fn try_from(
            value: &str,
        ) -> ::std::result::Result<Self, self::error::ConversionError> {
            value.parse()
        }
    }
    impl ::std::convert::TryFrom<::std::string::String> for ArchitectureVariant0 {
        type Error = self::error::ConversionError;
        fn try_from(
            value: ::std::string::String,
        ) -> ::std::result::Result<Self, self::error::ConversionError> {
            value.parse()
        }
    }
    ///`Bootorder`
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug)]
    #[serde(untagged)]
    pub enum Bootorder {
        Variant0(BootorderVariant0),
        Variant1(::std::string::String),
    }
    impl ::std::convert::From<BootorderVariant0> for Bootorder {
        fn from(value: BootorderVariant0) -> Self {
            Self::Variant0(value)
        }
    }
    ///`BootorderVariant0`
    #[derive(
        ::serde::Deserialize,
        ::serde::Serialize,
        Clone,
        Copy,
        Debug,
        Eq,
        Hash,
        Ord,
        PartialEq,
        PartialOrd
    )]
    pub enum BootorderVariant0 {
        #[serde(rename = "HDD")]
        Hdd,
        #[serde(rename = "CDROM")]
        Cdrom,
        #[serde(rename = "NETWORK")]
        Network,
    }
    impl ::std::fmt::Display for BootorderVariant0 {
        fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
            match *self {
                Self::Hdd => f.write_str("HDD"),
                Self::Cdrom => f.write_str("CDROM"),
                Self::Network => f.write_str("NETWORK"),
            }
        }
    }
    impl ::std::str::FromStr for BootorderVariant0 {
        type Err = self::error::ConversionError;
        fn from_str(
            value: &str,
        ) -> ::std::result::Result<Self, self::error::ConversionError> {
            match value {
                "HDD" => Ok(Self::Hdd),
                "CDROM" => Ok(Self::Cdrom),
                "NETWORK" => Ok(Self::Network),
                _ => Err("invalid value".into()),
            }
        }
    }
    impl ::std::convert::TryFrom<&str> for BootorderVariant0 {
        type Error = self::error::ConversionError;
        fn try_from(
            value: &str,
        ) -> ::std::result::Result<Self, self::error::ConversionError> {
            value.parse()
        }
    }
    impl ::std::convert::TryFrom<::std::string::String> for BootorderVariant0 {
        type Error = self::error::ConversionError;
        fn try_from(
            value: ::std::string::String,
        ) -> ::std::result::Result<Self, self::error::ConversionError> {
            value.parse()
        }
    }
    ///`FieldError`
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug, Default)]
    pub struct FieldError {
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub field: ::std::option::Option<::std::string::String>,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub message: ::std::option::Option<::std::string::String>,
    }
    ///`FirewallAction`
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug)]
    #[serde(untagged)]
    pub enum FirewallAction {
        Variant0(FirewallActionVariant0),
        Variant1(::std::string::String),
    }
    impl ::std::convert::From<FirewallActionVariant0> for FirewallAction {
        fn from(value: FirewallActionVariant0) -> Self {
            Self::Variant0(value)
        }
    }
    ///`FirewallActionVariant0`
    #[derive(
        ::serde::Deserialize,
        ::serde::Serialize,
        Clone,
        Copy,
        Debug,
        Eq,
        Hash,
        Ord,
        PartialEq,
        PartialOrd
    )]
    pub enum FirewallActionVariant0 {
        #[serde(rename = "ACCEPT")]
        Accept,
        #[serde(rename = "DROP")]
        Drop,
    }
    impl ::std::fmt::Display for FirewallActionVariant0 {
        fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
            match *self {
                Self::Accept => f.write_str("ACCEPT"),
                Self::Drop => f.write_str("DROP"),
            }
        }
    }
    impl ::std::str::FromStr for FirewallActionVariant0 {
        type Err = self::error::ConversionError;
        fn from_str(
            value: &str,
        ) -> ::std::result::Result<Self, self::error::ConversionError> {
            match value {
                "ACCEPT" => Ok(Self::Accept),
                "DROP" => Ok(Self::Drop),
                _ => Err("invalid value".into()),
            }
        }
    }
    impl ::std::convert::TryFrom<&str> for FirewallActionVariant0 {
        type Error = self::error::ConversionError;
        fn try_from(
            value: &str,
        ) -> ::std::result::Result<Self, self::error::ConversionError> {
            value.parse()
        }
    }
    impl ::std::convert::TryFrom<::std::string::String> for FirewallActionVariant0 {
        type Error = self::error::ConversionError;
        fn try_from(
            value: ::std::string::String,
        ) -> ::std::result::Result<Self, self::error::ConversionError> {
            value.parse()
        }
    }
    ///`FirewallPolicy`
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug, Default)]
    pub struct FirewallPolicy {
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub description: ::std::option::Option<::std::string::String>,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub id: ::std::option::Option<i32>,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub name: ::std::option::Option<::std::string::String>,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub rules: ::std::option::Option<::std::vec::Vec<FirewallRule>>,
    }
    ///`FirewallProtocol`
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug)]
    #[serde(untagged)]
    pub enum FirewallProtocol {
        Variant0(FirewallProtocolVariant0),
        Variant1(::std::string::String),
    }
    impl ::std::convert::From<FirewallProtocolVariant0> for FirewallProtocol {
        fn from(value: FirewallProtocolVariant0) -> Self {
            Self::Variant0(value)
        }
    }
    ///`FirewallProtocolVariant0`
    #[derive(
        ::serde::Deserialize,
        ::serde::Serialize,
        Clone,
        Copy,
        Debug,
        Eq,
        Hash,
        Ord,
        PartialEq,
        PartialOrd
    )]
    pub enum FirewallProtocolVariant0 {
        #[serde(rename = "TCP")]
        Tcp,
        #[serde(rename = "UDP")]
        Udp,
        #[serde(rename = "ICMP")]
        Icmp,
        #[serde(rename = "ICMPv6")]
        IcmPv6,
    }
    impl ::std::fmt::Display for FirewallProtocolVariant0 {
        fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
            match *self {
                Self::Tcp => f.write_str("TCP"),
                Self::Udp => f.write_str("UDP"),
                Self::Icmp => f.write_str("ICMP"),
                Self::IcmPv6 => f.write_str("ICMPv6"),
            }
        }
    }
    impl ::std::str::FromStr for FirewallProtocolVariant0 {
        type Err = self::error::ConversionError;
        fn from_str(
            value: &str,
        ) -> ::std::result::Result<Self, self::error::ConversionError> {
            match value {
                "TCP" => Ok(Self::Tcp),
                "UDP" => Ok(Self::Udp),
                "ICMP" => Ok(Self::Icmp),
                "ICMPv6" => Ok(Self::IcmPv6),
                _ => Err("invalid value".into()),
            }
        }
    }
    impl ::std::convert::TryFrom<&str> for FirewallProtocolVariant0 {
        type Error = self::error::ConversionError;
        fn try_from(
            value: &str,
        ) -> ::std::result::Result<Self, self::error::ConversionError> {
            value.parse()
        }
    }
    impl ::std::convert::TryFrom<::std::string::String> for FirewallProtocolVariant0 {
        type Error = self::error::ConversionError;
        fn try_from(
            value: ::std::string::String,
        ) -> ::std::result::Result<Self, self::error::ConversionError> {
            value.parse()
        }
    }
    ///`FirewallRule`
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug)]
    pub struct FirewallRule {
        pub action: FirewallAction,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub description: ::std::option::Option<::std::string::String>,
        ///Valid configurations are any port (null), single port (f.e. 1234) or port range (f.e. 1024-65535).
        #[serde(
            rename = "destinationPorts",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub destination_ports: ::std::option::Option<::std::string::String>,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub destinations: ::std::option::Option<::std::vec::Vec<::std::string::String>>,
        pub direction: FirewallRuleDirection,
        #[serde(
            rename = "numberOfEffectiveRules",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub number_of_effective_rules: ::std::option::Option<i32>,
        pub protocol: FirewallProtocol,
        ///Valid configurations are any port (null), single port (f.e. 1234) or port range (f.e. 1024-65535).
        #[serde(
            rename = "sourcePorts",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub source_ports: ::std::option::Option<::std::string::String>,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub sources: ::std::option::Option<::std::vec::Vec<::std::string::String>>,
    }
    ///`FirewallRuleDirection`
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug)]
    #[serde(untagged)]
    pub enum FirewallRuleDirection {
        Variant0(FirewallRuleDirectionVariant0),
        Variant1(::std::string::String),
    }
    impl ::std::convert::From<FirewallRuleDirectionVariant0> for FirewallRuleDirection {
        fn from(value: FirewallRuleDirectionVariant0) -> Self {
            Self::Variant0(value)
        }
    }
    ///`FirewallRuleDirectionVariant0`
    #[derive(
        ::serde::Deserialize,
        ::serde::Serialize,
        Clone,
        Copy,
        Debug,
        Eq,
        Hash,
        Ord,
        PartialEq,
        PartialOrd
    )]
    pub enum FirewallRuleDirectionVariant0 {
        #[serde(rename = "INGRESS")]
        Ingress,
        #[serde(rename = "EGRESS")]
        Egress,
    }
    impl ::std::fmt::Display for FirewallRuleDirectionVariant0 {
        fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
            match *self {
                Self::Ingress => f.write_str("INGRESS"),
                Self::Egress => f.write_str("EGRESS"),
            }
        }
    }
    impl ::std::str::FromStr for FirewallRuleDirectionVariant0 {
        type Err = self::error::ConversionError;
        fn from_str(
            value: &str,
        ) -> ::std::result::Result<Self, self::error::ConversionError> {
            match value {
                "INGRESS" => Ok(Self::Ingress),
                "EGRESS" => Ok(Self::Egress),
                _ => Err("invalid value".into()),
            }
        }
    }
    impl ::std::convert::TryFrom<&str> for FirewallRuleDirectionVariant0 {
        type Error = self::error::ConversionError;
        fn try_from(
            value: &str,
        ) -> ::std::result::Result<Self, self::error::ConversionError> {
            value.parse()
        }
    }
    impl ::std::convert::TryFrom<::std::string::String>
    for FirewallRuleDirectionVariant0 {
        type Error = self::error::ConversionError;
        fn try_from(
            value: ::std::string::String,
        ) -> ::std::result::Result<Self, self::error::ConversionError> {
            value.parse()
        }
    }
    ///`IPv4AddressMinimal`
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug, Default)]
    pub struct IPv4AddressMinimal {
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub broadcast: ::std::option::Option<::std::string::String>,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub gateway: ::std::option::Option<::std::string::String>,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub id: ::std::option::Option<i32>,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub ip: ::std::option::Option<::std::string::String>,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub netmask: ::std::option::Option<::std::string::String>,
    }
    ///`IPv6AddressMinimal`
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug, Default)]
    pub struct IPv6AddressMinimal {
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub gateway: ::std::option::Option<::std::string::String>,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub id: ::std::option::Option<i32>,
        #[serde(
            rename = "networkPrefix",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub network_prefix: ::std::option::Option<::std::string::String>,
        #[serde(
            rename = "networkPrefixLength",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub network_prefix_length: ::std::option::Option<i32>,
    }
    ///`IdentifierInt`
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug)]
    pub struct IdentifierInt {
        pub id: i32,
    }
    ///`ImageFlavour`
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug)]
    pub struct ImageFlavour {
        pub alias: ::std::string::String,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub id: ::std::option::Option<i32>,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub image: ::std::option::Option<ImageMinimal>,
        pub name: ::std::string::String,
        pub text: ::std::string::String,
    }
    ///`ImageMinimal`
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug)]
    pub struct ImageMinimal {
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub id: ::std::option::Option<i32>,
        pub name: ::std::string::String,
    }
    ///`ImplicitRule`
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug)]
    #[serde(untagged)]
    pub enum ImplicitRule {
        Variant0(ImplicitRuleVariant0),
        Variant1(::std::string::String),
    }
    impl ::std::convert::From<ImplicitRuleVariant0> for ImplicitRule {
        fn from(value: ImplicitRuleVariant0) -> Self {
            Self::Variant0(value)
        }
    }
    ///`ImplicitRuleVariant0`
    #[derive(
        ::serde::Deserialize,
        ::serde::Serialize,
        Clone,
        Copy,
        Debug,
        Eq,
        Hash,
        Ord,
        PartialEq,
        PartialOrd
    )]
    pub enum ImplicitRuleVariant0 {
        #[serde(rename = "ACCEPT_ALL")]
        AcceptAll,
        #[serde(rename = "DROP_ALL")]
        DropAll,
    }
    impl ::std::fmt::Display for ImplicitRuleVariant0 {
        fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
            match *self {
                Self::AcceptAll => f.write_str("ACCEPT_ALL"),
                Self::DropAll => f.write_str("DROP_ALL"),
            }
        }
    }
    impl ::std::str::FromStr for ImplicitRuleVariant0 {
        type Err = self::error::ConversionError;
        fn from_str(
            value: &str,
        ) -> ::std::result::Result<Self, self::error::ConversionError> {
            match value {
                "ACCEPT_ALL" => Ok(Self::AcceptAll),
                "DROP_ALL" => Ok(Self::DropAll),
                _ => Err("invalid value".into()),
            }
        }
    }
    impl ::std::convert::TryFrom<&str> for ImplicitRuleVariant0 {
        type Error = self::error::ConversionError;
        fn try_from(
            value: &str,
        ) -> ::std::result::Result<Self, self::error::ConversionError> {
            value.parse()
        }
    }
    impl ::std::convert::TryFrom<::std::string::String> for ImplicitRuleVariant0 {
        type Error = self::error::ConversionError;
        fn try_from(
            value: ::std::string::String,
        ) -> ::std::result::Result<Self, self::error::ConversionError> {
            value.parse()
        }
    }
    ///`Interface`
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug, Default)]
    pub struct Interface {
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub driver: ::std::option::Option<::std::string::String>,
        #[serde(
            rename = "ipv4Addresses",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub ipv4_addresses: ::std::option::Option<::std::vec::Vec<ServerIpv4>>,
        #[serde(
            rename = "ipv6Addresses",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub ipv6_addresses: ::std::option::Option<::std::vec::Vec<ServerIpv6>>,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub mac: ::std::option::Option<::std::string::String>,
        #[serde(
            rename = "speedInMBits",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub speed_in_m_bits: ::std::option::Option<i32>,
    }
    ///`OsOptimization`
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug)]
    #[serde(untagged)]
    pub enum OsOptimization {
        Variant0(OsOptimizationVariant0),
        Variant1(::std::string::String),
    }
    impl ::std::convert::From<OsOptimizationVariant0> for OsOptimization {
        fn from(value: OsOptimizationVariant0) -> Self {
            Self::Variant0(value)
        }
    }
    ///`OsOptimizationVariant0`
    #[derive(
        ::serde::Deserialize,
        ::serde::Serialize,
        Clone,
        Copy,
        Debug,
        Eq,
        Hash,
        Ord,
        PartialEq,
        PartialOrd
    )]
    pub enum OsOptimizationVariant0 {
        #[serde(rename = "LINUX")]
        Linux,
        #[serde(rename = "WINDOWS")]
        Windows,
        #[serde(rename = "BSD")]
        Bsd,
        #[serde(rename = "LINUX_LEGACY")]
        LinuxLegacy,
        #[serde(rename = "UNKNOWN")]
        Unknown,
    }
    impl ::std::fmt::Display for OsOptimizationVariant0 {
        fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
            match *self {
                Self::Linux => f.write_str("LINUX"),
                Self::Windows => f.write_str("WINDOWS"),
                Self::Bsd => f.write_str("BSD"),
                Self::LinuxLegacy => f.write_str("LINUX_LEGACY"),
                Self::Unknown => f.write_str("UNKNOWN"),
            }
        }
    }
    impl ::std::str::FromStr for OsOptimizationVariant0 {
        type Err = self::error::ConversionError;
        fn from_str(
            value: &str,
        ) -> ::std::result::Result<Self, self::error::ConversionError> {
            match value {
                "LINUX" => Ok(Self::Linux),
                "WINDOWS" => Ok(Self::Windows),
                "BSD" => Ok(Self::Bsd),
                "LINUX_LEGACY" => Ok(Self::LinuxLegacy),
                "UNKNOWN" => Ok(Self::Unknown),
                _ => Err("invalid value".into()),
            }
        }
    }
    impl ::std::convert::TryFrom<&str> for OsOptimizationVariant0 {
        type Error = self::error::ConversionError;
        fn try_from(
            value: &str,
        ) -> ::std::result::Result<Self, self::error::ConversionError> {
            value.parse()
        }
    }
    impl ::std::convert::TryFrom<::std::string::String> for OsOptimizationVariant0 {
        type Error = self::error::ConversionError;
        fn try_from(
            value: ::std::string::String,
        ) -> ::std::result::Result<Self, self::error::ConversionError> {
            value.parse()
        }
    }
    ///`PatchServerBody`
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug)]
    #[serde(untagged)]
    pub enum PatchServerBody {
        StatePatch(ServerStatePatch),
        HostnamePatch(ServerHostnamePatch),
        NicknamePatch(ServerNicknamePatch),
    }
    impl ::std::convert::From<ServerStatePatch> for PatchServerBody {
        fn from(value: ServerStatePatch) -> Self {
            Self::StatePatch(value)
        }
    }
    impl ::std::convert::From<ServerHostnamePatch> for PatchServerBody {
        fn from(value: ServerHostnamePatch) -> Self {
            Self::HostnamePatch(value)
        }
    }
    impl ::std::convert::From<ServerNicknamePatch> for PatchServerBody {
        fn from(value: ServerNicknamePatch) -> Self {
            Self::NicknamePatch(value)
        }
    }
    ///`Rdns`
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug, Default)]
    pub struct Rdns {
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub rdns: ::std::option::Option<::std::string::String>,
    }
    ///`RescueSystemStatus`
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug, Default)]
    pub struct RescueSystemStatus {
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub active: ::std::option::Option<bool>,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub password: ::std::option::Option<::std::string::String>,
    }
    ///`ResponseError`
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug, Default)]
    pub struct ResponseError {
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub code: ::std::option::Option<::std::string::String>,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub message: ::std::option::Option<::std::string::String>,
    }
    ///`Server`
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug, Default)]
    pub struct Server {
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub architecture: ::std::option::Option<Architecture>,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub disabled: ::std::option::Option<bool>,
        #[serde(
            rename = "disksAvailableSpaceInMiB",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub disks_available_space_in_mi_b: ::std::option::Option<i64>,
        #[serde(
            rename = "gpuDriverAvailable",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub gpu_driver_available: ::std::option::Option<bool>,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub hostname: ::std::option::Option<::std::string::String>,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub id: ::std::option::Option<i32>,
        #[serde(
            rename = "ipv4Addresses",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub ipv4_addresses: ::std::option::Option<::std::vec::Vec<IPv4AddressMinimal>>,
        #[serde(
            rename = "ipv6Addresses",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub ipv6_addresses: ::std::option::Option<::std::vec::Vec<IPv6AddressMinimal>>,
        #[serde(
            rename = "maxCpuCount",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub max_cpu_count: ::std::option::Option<i32>,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub name: ::std::option::Option<::std::string::String>,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub nickname: ::std::option::Option<::std::string::String>,
        #[serde(
            rename = "rescueSystemActive",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub rescue_system_active: ::std::option::Option<bool>,
        #[serde(
            rename = "serverLiveInfo",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub server_live_info: ::std::option::Option<ServerInfo>,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub site: ::std::option::Option<Site>,
        #[serde(
            rename = "snapshotAllowed",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub snapshot_allowed: ::std::option::Option<bool>,
        #[serde(
            rename = "snapshotCount",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub snapshot_count: ::std::option::Option<i32>,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub template: ::std::option::Option<ServerTemplateMinimal>,
    }
    ///`ServerDisk`
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug, Default)]
    pub struct ServerDisk {
        #[serde(
            rename = "allocationInMiB",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub allocation_in_mi_b: ::std::option::Option<i64>,
        #[serde(
            rename = "capacityInMiB",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub capacity_in_mi_b: ::std::option::Option<i64>,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub dev: ::std::option::Option<::std::string::String>,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub driver: ::std::option::Option<::std::string::String>,
    }
    ///`ServerFirewall`
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug, Default)]
    pub struct ServerFirewall {
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub active: ::std::option::Option<bool>,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub consistent: ::std::option::Option<bool>,
        #[serde(
            rename = "copiedPolicies",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub copied_policies: ::std::option::Option<::std::vec::Vec<FirewallPolicy>>,
        #[serde(
            rename = "egressImplicitRule",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub egress_implicit_rule: ::std::option::Option<ImplicitRule>,
        #[serde(
            rename = "ingressImplicitRule",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub ingress_implicit_rule: ::std::option::Option<ImplicitRule>,
        #[serde(
            rename = "userPolicies",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub user_policies: ::std::option::Option<::std::vec::Vec<FirewallPolicy>>,
    }
    ///`ServerFirewallSave`
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug)]
    pub struct ServerFirewallSave {
        ///If not set, by default the firewall will be active.
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub active: ::std::option::Option<bool>,
        #[serde(rename = "copiedPolicies")]
        pub copied_policies: ::std::vec::Vec<IdentifierInt>,
        #[serde(rename = "userPolicies")]
        pub user_policies: ::std::vec::Vec<IdentifierInt>,
    }
    ///`ServerHostnamePatch`
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug, Default)]
    pub struct ServerHostnamePatch {
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub hostname: ::std::option::Option<::std::string::String>,
    }
    ///`ServerImageSetup`
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug, Default)]
    pub struct ServerImageSetup {
        #[serde(
            rename = "additionalUserPassword",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub additional_user_password: ::std::option::Option<::std::string::String>,
        #[serde(
            rename = "additionalUserUsername",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub additional_user_username: ::std::option::Option<::std::string::String>,
        #[serde(
            rename = "customScript",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub custom_script: ::std::option::Option<::std::string::String>,
        #[serde(
            rename = "diskName",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub disk_name: ::std::option::Option<::std::string::String>,
        #[serde(
            rename = "emailToExecutingUser",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub email_to_executing_user: ::std::option::Option<bool>,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub hostname: ::std::option::Option<::std::string::String>,
        #[serde(
            rename = "imageFlavourId",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub image_flavour_id: ::std::option::Option<i32>,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub locale: ::std::option::Option<::std::string::String>,
        #[serde(
            rename = "rootPartitionFullDiskSize",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub root_partition_full_disk_size: ::std::option::Option<bool>,
        #[serde(
            rename = "sshKeyIds",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub ssh_key_ids: ::std::option::Option<::std::vec::Vec<i32>>,
        #[serde(
            rename = "sshPasswordAuthentication",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub ssh_password_authentication: ::std::option::Option<bool>,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub timezone: ::std::option::Option<::std::string::String>,
    }
    ///`ServerInfo`
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug, Default)]
    pub struct ServerInfo {
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub autostart: ::std::option::Option<bool>,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub bootorder: ::std::option::Option<::std::vec::Vec<Bootorder>>,
        #[serde(
            rename = "cloudinitAttached",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub cloudinit_attached: ::std::option::Option<bool>,
        #[serde(
            rename = "configChanged",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub config_changed: ::std::option::Option<bool>,
        #[serde(
            rename = "coresPerSocket",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub cores_per_socket: ::std::option::Option<i32>,
        #[serde(
            rename = "cpuCount",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub cpu_count: ::std::option::Option<i32>,
        #[serde(
            rename = "cpuMaxCount",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub cpu_max_count: ::std::option::Option<i32>,
        #[serde(
            rename = "currentServerMemoryInMiB",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub current_server_memory_in_mi_b: ::std::option::Option<i64>,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub disks: ::std::option::Option<::std::vec::Vec<ServerDisk>>,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub interfaces: ::std::option::Option<::std::vec::Vec<ServerInterface>>,
        #[serde(
            rename = "keyboardLayout",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub keyboard_layout: ::std::option::Option<::std::string::String>,
        #[serde(
            rename = "latestQemu",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub latest_qemu: ::std::option::Option<bool>,
        #[serde(
            rename = "machineType",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub machine_type: ::std::option::Option<::std::string::String>,
        #[serde(
            rename = "maxServerMemoryInMiB",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub max_server_memory_in_mi_b: ::std::option::Option<i64>,
        #[serde(
            rename = "nestedGuest",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub nested_guest: ::std::option::Option<bool>,
        #[serde(
            rename = "osOptimization",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub os_optimization: ::std::option::Option<OsOptimization>,
        #[serde(
            rename = "requiredStorageOptimization",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub required_storage_optimization: ::std::option::Option<StorageOptimization>,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub sockets: ::std::option::Option<i32>,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub state: ::std::option::Option<ServerState>,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub template: ::std::option::Option<::std::string::String>,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub uefi: ::std::option::Option<bool>,
        #[serde(
            rename = "uptimeInSeconds",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub uptime_in_seconds: ::std::option::Option<i32>,
    }
    ///`ServerInterface`
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug, Default)]
    pub struct ServerInterface {
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub driver: ::std::option::Option<::std::string::String>,
        #[serde(
            rename = "ipv4Addresses",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub ipv4_addresses: ::std::option::Option<
            ::std::vec::Vec<::std::string::String>,
        >,
        #[serde(
            rename = "ipv6LinkLocalAddresses",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub ipv6_link_local_addresses: ::std::option::Option<
            ::std::vec::Vec<::std::string::String>,
        >,
        #[serde(
            rename = "ipv6NetworkPrefixes",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub ipv6_network_prefixes: ::std::option::Option<
            ::std::vec::Vec<::std::string::String>,
        >,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub mac: ::std::option::Option<::std::string::String>,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub mtu: ::std::option::Option<i32>,
        #[serde(
            rename = "rxMonthlyInMiB",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub rx_monthly_in_mi_b: ::std::option::Option<i32>,
        #[serde(
            rename = "speedInMBits",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub speed_in_m_bits: ::std::option::Option<i32>,
        #[serde(
            rename = "trafficThrottled",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub traffic_throttled: ::std::option::Option<bool>,
        #[serde(
            rename = "txMonthlyInMiB",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub tx_monthly_in_mi_b: ::std::option::Option<i32>,
        #[serde(
            rename = "vlanId",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub vlan_id: ::std::option::Option<i32>,
        #[serde(
            rename = "vlanInterface",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub vlan_interface: ::std::option::Option<bool>,
    }
    ///`ServerIpType`
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug)]
    #[serde(untagged)]
    pub enum ServerIpType {
        Variant0(ServerIpTypeVariant0),
        Variant1(::std::string::String),
    }
    impl ::std::convert::From<ServerIpTypeVariant0> for ServerIpType {
        fn from(value: ServerIpTypeVariant0) -> Self {
            Self::Variant0(value)
        }
    }
    ///`ServerIpTypeVariant0`
    #[derive(
        ::serde::Deserialize,
        ::serde::Serialize,
        Clone,
        Copy,
        Debug,
        Eq,
        Hash,
        Ord,
        PartialEq,
        PartialOrd
    )]
    pub enum ServerIpTypeVariant0 {
        #[serde(rename = "IP")]
        Ip,
        #[serde(rename = "ROUTED_IP")]
        RoutedIp,
    }
    impl ::std::fmt::Display for ServerIpTypeVariant0 {
        fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
            match *self {
                Self::Ip => f.write_str("IP"),
                Self::RoutedIp => f.write_str("ROUTED_IP"),
            }
        }
    }
    impl ::std::str::FromStr for ServerIpTypeVariant0 {
        type Err = self::error::ConversionError;
        fn from_str(
            value: &str,
        ) -> ::std::result::Result<Self, self::error::ConversionError> {
            match value {
                "IP" => Ok(Self::Ip),
                "ROUTED_IP" => Ok(Self::RoutedIp),
                _ => Err("invalid value".into()),
            }
        }
    }
    impl ::std::convert::TryFrom<&str> for ServerIpTypeVariant0 {
        type Error = self::error::ConversionError;
        fn try_from(
            value: &str,
        ) -> ::std::result::Result<Self, self::error::ConversionError> {
            value.parse()
        }
    }
    impl ::std::convert::TryFrom<::std::string::String> for ServerIpTypeVariant0 {
        type Error = self::error::ConversionError;
        fn try_from(
            value: ::std::string::String,
        ) -> ::std::result::Result<Self, self::error::ConversionError> {
            value.parse()
        }
    }
    ///`ServerIpv4`
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug, Default)]
    pub struct ServerIpv4 {
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub cidr: ::std::option::Option<::std::string::String>,
        #[serde(
            rename = "destinationIp",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub destination_ip: ::std::option::Option<::std::string::String>,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub editable: ::std::option::Option<bool>,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub gateway: ::std::option::Option<::std::string::String>,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub id: ::std::option::Option<i32>,
        #[serde(
            rename = "interfaceMac",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub interface_mac: ::std::option::Option<::std::string::String>,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub ip: ::std::option::Option<::std::string::String>,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub rdns: ::std::option::Option<::std::string::String>,
        #[serde(rename = "type", skip_serializing_if = "::std::option::Option::is_none")]
        pub type_: ::std::option::Option<ServerIpType>,
    }
    ///`ServerIpv6`
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug, Default)]
    pub struct ServerIpv6 {
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub cidr: ::std::option::Option<::std::string::String>,
        #[serde(
            rename = "destinationIp",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub destination_ip: ::std::option::Option<::std::string::String>,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub editable: ::std::option::Option<bool>,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub gateway: ::std::option::Option<::std::string::String>,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub id: ::std::option::Option<i32>,
        #[serde(
            rename = "interfaceMac",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub interface_mac: ::std::option::Option<::std::string::String>,
        #[serde(
            rename = "linkLocal",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub link_local: ::std::option::Option<bool>,
        #[serde(
            rename = "networkPrefix",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub network_prefix: ::std::option::Option<::std::string::String>,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub rdns: ::std::option::Option<
            ::std::collections::HashMap<::std::string::String, ::std::string::String>,
        >,
        #[serde(rename = "type", skip_serializing_if = "::std::option::Option::is_none")]
        pub type_: ::std::option::Option<ServerIpType>,
    }
    ///`ServerListMinimal`
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug, Default)]
    pub struct ServerListMinimal {
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub disabled: ::std::option::Option<bool>,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub hostname: ::std::option::Option<::std::string::String>,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub id: ::std::option::Option<i32>,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub name: ::std::option::Option<::std::string::String>,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub nickname: ::std::option::Option<::std::string::String>,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub template: ::std::option::Option<ServerTemplateMinimal>,
    }
    ///`ServerNicknamePatch`
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug, Default)]
    pub struct ServerNicknamePatch {
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub nickname: ::std::option::Option<::std::string::String>,
    }
    ///`ServerSnapshotCreate`
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug)]
    pub struct ServerSnapshotCreate {
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub description: ::std::option::Option<::std::string::String>,
        #[serde(
            rename = "diskName",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub disk_name: ::std::option::Option<::std::string::String>,
        pub name: ::std::string::String,
        #[serde(
            rename = "onlineSnapshot",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub online_snapshot: ::std::option::Option<bool>,
    }
    ///`ServerSnapshotCreateCheck`
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug, Default)]
    pub struct ServerSnapshotCreateCheck {
        ///Must be set if attribute onlineSnapshot is false.
        #[serde(
            rename = "diskName",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub disk_name: ::std::option::Option<::std::string::String>,
        #[serde(
            rename = "onlineSnapshot",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub online_snapshot: ::std::option::Option<bool>,
    }
    ///`ServerState`
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug)]
    #[serde(untagged)]
    pub enum ServerState {
        Variant0(ServerStateVariant0),
        Variant1(::std::string::String),
    }
    impl ::std::convert::From<ServerStateVariant0> for ServerState {
        fn from(value: ServerStateVariant0) -> Self {
            Self::Variant0(value)
        }
    }
    ///`ServerState1`
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug)]
    #[serde(untagged)]
    pub enum ServerState1 {
        Variant0(ServerState1Variant0),
        Variant1(::std::string::String),
    }
    impl ::std::convert::From<ServerState1Variant0> for ServerState1 {
        fn from(value: ServerState1Variant0) -> Self {
            Self::Variant0(value)
        }
    }
    ///`ServerState1Variant0`
    #[derive(
        ::serde::Deserialize,
        ::serde::Serialize,
        Clone,
        Copy,
        Debug,
        Eq,
        Hash,
        Ord,
        PartialEq,
        PartialOrd
    )]
    pub enum ServerState1Variant0 {
        #[serde(rename = "ON")]
        On,
        #[serde(rename = "OFF")]
        Off,
        #[serde(rename = "SUSPENDED")]
        Suspended,
    }
    impl ::std::fmt::Display for ServerState1Variant0 {
        fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
            match *self {
                Self::On => f.write_str("ON"),
                Self::Off => f.write_str("OFF"),
                Self::Suspended => f.write_str("SUSPENDED"),
            }
        }
    }
    impl ::std::str::FromStr for ServerState1Variant0 {
        type Err = self::error::ConversionError;
        fn from_str(
            value: &str,
        ) -> ::std::result::Result<Self, self::error::ConversionError> {
            match value {
                "ON" => Ok(Self::On),
                "OFF" => Ok(Self::Off),
                "SUSPENDED" => Ok(Self::Suspended),
                _ => Err("invalid value".into()),
            }
        }
    }
    impl ::std::convert::TryFrom<&str> for ServerState1Variant0 {
        type Error = self::error::ConversionError;
        fn try_from(
            value: &str,
        ) -> ::std::result::Result<Self, self::error::ConversionError> {
            value.parse()
        }
    }
    impl ::std::convert::TryFrom<::std::string::String> for ServerState1Variant0 {
        type Error = self::error::ConversionError;
        fn try_from(
            value: ::std::string::String,
        ) -> ::std::result::Result<Self, self::error::ConversionError> {
            value.parse()
        }
    }
    ///Optional query parameters: stateOption.
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug, Default)]
    pub struct ServerStatePatch {
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub state: ::std::option::Option<ServerState1>,
    }
    ///`ServerStateVariant0`
    #[derive(
        ::serde::Deserialize,
        ::serde::Serialize,
        Clone,
        Copy,
        Debug,
        Eq,
        Hash,
        Ord,
        PartialEq,
        PartialOrd
    )]
    pub enum ServerStateVariant0 {
        #[serde(rename = "NOSTATE")]
        Nostate,
        #[serde(rename = "RUNNING")]
        Running,
        #[serde(rename = "BLOCKED")]
        Blocked,
        #[serde(rename = "PAUSED")]
        Paused,
        #[serde(rename = "SHUTDOWN")]
        Shutdown,
        #[serde(rename = "SHUTOFF")]
        Shutoff,
        #[serde(rename = "CRASHED")]
        Crashed,
        #[serde(rename = "PMSUSPENDED")]
        Pmsuspended,
        #[serde(rename = "DISK_SNAPSHOT")]
        DiskSnapshot,
    }
    impl ::std::fmt::Display for ServerStateVariant0 {
        fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
            match *self {
                Self::Nostate => f.write_str("NOSTATE"),
                Self::Running => f.write_str("RUNNING"),
                Self::Blocked => f.write_str("BLOCKED"),
                Self::Paused => f.write_str("PAUSED"),
                Self::Shutdown => f.write_str("SHUTDOWN"),
                Self::Shutoff => f.write_str("SHUTOFF"),
                Self::Crashed => f.write_str("CRASHED"),
                Self::Pmsuspended => f.write_str("PMSUSPENDED"),
                Self::DiskSnapshot => f.write_str("DISK_SNAPSHOT"),
            }
        }
    }
    impl ::std::str::FromStr for ServerStateVariant0 {
        type Err = self::error::ConversionError;
        fn from_str(
            value: &str,
        ) -> ::std::result::Result<Self, self::error::ConversionError> {
            match value {
                "NOSTATE" => Ok(Self::Nostate),
                "RUNNING" => Ok(Self::Running),
                "BLOCKED" => Ok(Self::Blocked),
                "PAUSED" => Ok(Self::Paused),
                "SHUTDOWN" => Ok(Self::Shutdown),
                "SHUTOFF" => Ok(Self::Shutoff),
                "CRASHED" => Ok(Self::Crashed),
                "PMSUSPENDED" => Ok(Self::Pmsuspended),
                "DISK_SNAPSHOT" => Ok(Self::DiskSnapshot),
                _ => Err("invalid value".into()),
            }
        }
    }
    impl ::std::convert::TryFrom<&str> for ServerStateVariant0 {
        type Error = self::error::ConversionError;
        fn try_from(
            value: &str,
        ) -> ::std::result::Result<Self, self::error::ConversionError> {
            value.parse()
        }
    }
    impl ::std::convert::TryFrom<::std::string::String> for ServerStateVariant0 {
        type Error = self::error::ConversionError;
        fn try_from(
            value: ::std::string::String,
        ) -> ::std::result::Result<Self, self::error::ConversionError> {
            value.parse()
        }
    }
    ///`ServerTemplateMinimal`
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug)]
    pub struct ServerTemplateMinimal {
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub id: ::std::option::Option<i32>,
        pub name: ::std::string::String,
    }
    ///`SetRdnsIpv4`
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug)]
    pub struct SetRdnsIpv4 {
        pub ip: ::std::string::String,
        pub rdns: ::std::string::String,
    }
    ///`SetRdnsIpv6`
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug)]
    pub struct SetRdnsIpv6 {
        pub ip: ::std::string::String,
        pub rdns: ::std::string::String,
    }
    ///`Site`
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug)]
    pub struct Site {
        pub city: ::std::string::String,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub id: ::std::option::Option<i32>,
    }
    ///`SnapshotMinimal`
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug, Default)]
    pub struct SnapshotMinimal {
        #[serde(
            rename = "creationTime",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub creation_time: ::std::option::Option<
            ::chrono::DateTime<::chrono::offset::Utc>,
        >,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub description: ::std::option::Option<::std::string::String>,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub disks: ::std::option::Option<::std::vec::Vec<::std::string::String>>,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub exported: ::std::option::Option<bool>,
        #[serde(
            rename = "exportedSizeInKiB",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub exported_size_in_ki_b: ::std::option::Option<i64>,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub name: ::std::option::Option<::std::string::String>,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub online: ::std::option::Option<bool>,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub state: ::std::option::Option<ServerState>,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub uuid: ::std::option::Option<::std::string::String>,
    }
    ///`SshKey`
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug)]
    pub struct SshKey {
        #[serde(
            rename = "createdAt",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub created_at: ::std::option::Option<::chrono::DateTime<::chrono::offset::Utc>>,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub id: ::std::option::Option<i32>,
        pub key: ::std::string::String,
        pub name: ::std::string::String,
    }
    ///`StorageOptimization`
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug)]
    #[serde(untagged)]
    pub enum StorageOptimization {
        Variant0(StorageOptimizationVariant0),
        Variant1(::std::string::String),
    }
    impl ::std::convert::From<StorageOptimizationVariant0> for StorageOptimization {
        fn from(value: StorageOptimizationVariant0) -> Self {
            Self::Variant0(value)
        }
    }
    ///`StorageOptimizationVariant0`
    #[derive(
        ::serde::Deserialize,
        ::serde::Serialize,
        Clone,
        Copy,
        Debug,
        Eq,
        Hash,
        Ord,
        PartialEq,
        PartialOrd
    )]
    pub enum StorageOptimizationVariant0 {
        #[serde(rename = "INCONSISTENT")]
        Inconsistent,
        #[serde(rename = "COMPAT")]
        Compat,
        #[serde(rename = "SLOW")]
        Slow,
        #[serde(rename = "FAST")]
        Fast,
        #[serde(rename = "NO")]
        No,
    }
    impl ::std::fmt::Display for StorageOptimizationVariant0 {
        fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
            match *self {
                Self::Inconsistent => f.write_str("INCONSISTENT"),
                Self::Compat => f.write_str("COMPAT"),
                Self::Slow => f.write_str("SLOW"),
                Self::Fast => f.write_str("FAST"),
                Self::No => f.write_str("NO"),
            }
        }
    }
    impl ::std::str::FromStr for StorageOptimizationVariant0 {
        type Err = self::error::ConversionError;
        fn from_str(
            value: &str,
        ) -> ::std::result::Result<Self, self::error::ConversionError> {
            match value {
                "INCONSISTENT" => Ok(Self::Inconsistent),
                "COMPAT" => Ok(Self::Compat),
                "SLOW" => Ok(Self::Slow),
                "FAST" => Ok(Self::Fast),
                "NO" => Ok(Self::No),
                _ => Err("invalid value".into()),
            }
        }
    }
    impl ::std::convert::TryFrom<&str> for StorageOptimizationVariant0 {
        type Error = self::error::ConversionError;
        fn try_from(
            value: &str,
        ) -> ::std::result::Result<Self, self::error::ConversionError> {
            value.parse()
        }
    }
    impl ::std::convert::TryFrom<::std::string::String> for StorageOptimizationVariant0 {
        type Error = self::error::ConversionError;
        fn try_from(
            value: ::std::string::String,
        ) -> ::std::result::Result<Self, self::error::ConversionError> {
            value.parse()
        }
    }
    ///`TaskInfo`
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug, Default)]
    pub struct TaskInfo {
        #[serde(
            rename = "executingUser",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub executing_user: ::std::option::Option<UserMinimal>,
        #[serde(
            rename = "finishedAt",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub finished_at: ::std::option::Option<
            ::chrono::DateTime<::chrono::offset::Utc>,
        >,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub message: ::std::option::Option<::std::string::String>,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub name: ::std::option::Option<::std::string::String>,
        #[serde(
            rename = "onRollback",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub on_rollback: ::std::option::Option<bool>,
        #[serde(
            rename = "responseError",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub response_error: ::std::option::Option<ResponseError>,
        #[serde(default, skip_serializing_if = "::serde_json::Map::is_empty")]
        pub result: ::serde_json::Map<::std::string::String, ::serde_json::Value>,
        #[serde(
            rename = "startedAt",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub started_at: ::std::option::Option<::chrono::DateTime<::chrono::offset::Utc>>,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub state: ::std::option::Option<TaskState>,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub steps: ::std::option::Option<::std::vec::Vec<TaskInfoStep>>,
        #[serde(
            rename = "taskProgress",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub task_progress: ::std::option::Option<TaskProgress>,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub uuid: ::std::option::Option<::std::string::String>,
    }
    ///`TaskInfoMinimal`
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug, Default)]
    pub struct TaskInfoMinimal {
        #[serde(
            rename = "executingUser",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub executing_user: ::std::option::Option<UserMinimal>,
        #[serde(
            rename = "finishedAt",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub finished_at: ::std::option::Option<
            ::chrono::DateTime<::chrono::offset::Utc>,
        >,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub message: ::std::option::Option<::std::string::String>,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub name: ::std::option::Option<::std::string::String>,
        #[serde(
            rename = "onRollback",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub on_rollback: ::std::option::Option<bool>,
        #[serde(
            rename = "startedAt",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub started_at: ::std::option::Option<::chrono::DateTime<::chrono::offset::Utc>>,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub state: ::std::option::Option<TaskState>,
        #[serde(
            rename = "taskProgress",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub task_progress: ::std::option::Option<TaskProgress>,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub uuid: ::std::option::Option<::std::string::String>,
    }
    ///`TaskInfoStep`
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug, Default)]
    pub struct TaskInfoStep {
        #[serde(
            rename = "finishedAt",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub finished_at: ::std::option::Option<
            ::chrono::DateTime<::chrono::offset::Utc>,
        >,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub name: ::std::option::Option<::std::string::String>,
        #[serde(
            rename = "startedAt",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub started_at: ::std::option::Option<::chrono::DateTime<::chrono::offset::Utc>>,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub state: ::std::option::Option<TaskState>,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub uuid: ::std::option::Option<::std::string::String>,
    }
    ///`TaskProgress`
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug, Default)]
    pub struct TaskProgress {
        #[serde(
            rename = "expectedFinishedAt",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub expected_finished_at: ::std::option::Option<
            ::chrono::DateTime<::chrono::offset::Utc>,
        >,
        #[serde(
            rename = "progressInPercent",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub progress_in_percent: ::std::option::Option<f32>,
    }
    ///`TaskState`
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug)]
    #[serde(untagged)]
    pub enum TaskState {
        Variant0(TaskStateVariant0),
        Variant1(::std::string::String),
    }
    impl ::std::convert::From<TaskStateVariant0> for TaskState {
        fn from(value: TaskStateVariant0) -> Self {
            Self::Variant0(value)
        }
    }
    ///`TaskStateVariant0`
    #[derive(
        ::serde::Deserialize,
        ::serde::Serialize,
        Clone,
        Copy,
        Debug,
        Eq,
        Hash,
        Ord,
        PartialEq,
        PartialOrd
    )]
    pub enum TaskStateVariant0 {
        #[serde(rename = "PENDING")]
        Pending,
        #[serde(rename = "RUNNING")]
        Running,
        #[serde(rename = "FINISHED")]
        Finished,
        #[serde(rename = "ERROR")]
        Error,
        #[serde(rename = "WAITING_FOR_CANCEL")]
        WaitingForCancel,
        #[serde(rename = "CANCELED")]
        Canceled,
        #[serde(rename = "ROLLBACK")]
        Rollback,
    }
    impl ::std::fmt::Display for TaskStateVariant0 {
        fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
            match *self {
                Self::Pending => f.write_str("PENDING"),
                Self::Running => f.write_str("RUNNING"),
                Self::Finished => f.write_str("FINISHED"),
                Self::Error => f.write_str("ERROR"),
                Self::WaitingForCancel => f.write_str("WAITING_FOR_CANCEL"),
                Self::Canceled => f.write_str("CANCELED"),
                Self::Rollback => f.write_str("ROLLBACK"),
            }
        }
    }
    impl ::std::str::FromStr for TaskStateVariant0 {
        type Err = self::error::ConversionError;
        fn from_str(
            value: &str,
        ) -> ::std::result::Result<Self, self::error::ConversionError> {
            match value {
                "PENDING" => Ok(Self::Pending),
                "RUNNING" => Ok(Self::Running),
                "FINISHED" => Ok(Self::Finished),
                "ERROR" => Ok(Self::Error),
                "WAITING_FOR_CANCEL" => Ok(Self::WaitingForCancel),
                "CANCELED" => Ok(Self::Canceled),
                "ROLLBACK" => Ok(Self::Rollback),
                _ => Err("invalid value".into()),
            }
        }
    }
    impl ::std::convert::TryFrom<&str> for TaskStateVariant0 {
        type Error = self::error::ConversionError;
        fn try_from(
            value: &str,
        ) -> ::std::result::Result<Self, self::error::ConversionError> {
            value.parse()
        }
    }
    impl ::std::convert::TryFrom<::std::string::String> for TaskStateVariant0 {
        type Error = self::error::ConversionError;
        fn try_from(
            value: ::std::string::String,
        ) -> ::std::result::Result<Self, self::error::ConversionError> {
            value.parse()
        }
    }
    ///`User`
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug, Default)]
    pub struct User {
        #[serde(
            rename = "apiIpLoginRestrictions",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub api_ip_login_restrictions: ::std::option::Option<::std::string::String>,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub company: ::std::option::Option<::std::string::String>,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub email: ::std::option::Option<::std::string::String>,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub firstname: ::std::option::Option<::std::string::String>,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub id: ::std::option::Option<i32>,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub language: ::std::option::Option<::std::string::String>,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub lastname: ::std::option::Option<::std::string::String>,
        #[serde(
            rename = "passwordlessMode",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub passwordless_mode: ::std::option::Option<bool>,
        #[serde(
            rename = "secureMode",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub secure_mode: ::std::option::Option<bool>,
        #[serde(
            rename = "showNickname",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub show_nickname: ::std::option::Option<bool>,
        #[serde(
            rename = "timeZone",
            skip_serializing_if = "::std::option::Option::is_none"
        )]
        pub time_zone: ::std::option::Option<::std::string::String>,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub username: ::std::option::Option<::std::string::String>,
    }
    ///`UserMinimal`
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug, Default)]
    pub struct UserMinimal {
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub company: ::std::option::Option<::std::string::String>,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub email: ::std::option::Option<::std::string::String>,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub firstname: ::std::option::Option<::std::string::String>,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub id: ::std::option::Option<i32>,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub lastname: ::std::option::Option<::std::string::String>,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub username: ::std::option::Option<::std::string::String>,
    }
    ///`ValidationError`
    #[derive(::serde::Deserialize, ::serde::Serialize, Clone, Debug, Default)]
    pub struct ValidationError {
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub code: ::std::option::Option<::std::string::String>,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub errors: ::std::option::Option<::std::vec::Vec<FieldError>>,
        #[serde(skip_serializing_if = "::std::option::Option::is_none")]
        pub message: ::std::option::Option<::std::string::String>,
    }
    /// Error types.
    pub mod error {
        /// Error from a `TryFrom` or `FromStr` implementation.
        pub struct ConversionError(::std::borrow::Cow<'static, str>);
        impl ::std::error::Error for ConversionError {}
        impl ::std::fmt::Display for ConversionError {
            fn fmt(
                &self,
                f: &mut ::std::fmt::Formatter<'_>,
            ) -> Result<(), ::std::fmt::Error> {
                ::std::fmt::Display::fmt(&self.0, f)
            }
        }
        impl ::std::fmt::Debug for ConversionError {
            fn fmt(
                &self,
                f: &mut ::std::fmt::Formatter<'_>,
            ) -> Result<(), ::std::fmt::Error> {
                ::std::fmt::Debug::fmt(&self.0, f)
            }
        }
        impl From<&'static str> for ConversionError {
            fn from(value: &'static str) -> Self {
                Self(value.into())
            }
        }
        impl From<String> for ConversionError {
            fn from(value: String) -> Self {
                Self(value.into())
            }
        }
    }
}
#[derive(Clone, Debug)]
/**Client for SCP (Server Control Panel) REST API

The version number is updated with each SCP release, regardless of whether the API has changed. Breaking changes are handled by versioning individual endpoints in the request path.

Version: 2026.0703.095128*/
pub struct Client {
    pub(crate) baseurl: String,
    pub(crate) client: reqwest::Client,
    pub(crate) inner: crate::hooks::Bearer,
}
impl Client {
    /// Create a new client.
    ///
    /// `baseurl` is the base URL provided to the internal
    /// `reqwest::Client`, and should include a scheme and hostname,
    /// as well as port and a path stem if applicable.
    pub fn new(baseurl: &str, inner: crate::hooks::Bearer) -> Self {
        #[cfg(not(target_arch = "wasm32"))]
        let client = {
            let dur = ::std::time::Duration::from_secs(15u64);
            reqwest::ClientBuilder::new().connect_timeout(dur).timeout(dur)
        };
        #[cfg(target_arch = "wasm32")]
        let client = reqwest::ClientBuilder::new();
        Self::new_with_client(baseurl, client.build().unwrap(), inner)
    }
    /// Construct a new client with an existing `reqwest::Client`,
    /// allowing more control over its configuration.
    ///
    /// `baseurl` is the base URL provided to the internal
    /// `reqwest::Client`, and should include a scheme and hostname,
    /// as well as port and a path stem if applicable.
    pub fn new_with_client(
        baseurl: &str,
        client: reqwest::Client,
        inner: crate::hooks::Bearer,
    ) -> Self {
        Self {
            baseurl: baseurl.to_string(),
            client,
            inner,
        }
    }
}
impl ClientInfo<crate::hooks::Bearer> for Client {
    fn api_version() -> &'static str {
        "2026.0703.095128"
    }
    fn baseurl(&self) -> &str {
        self.baseurl.as_str()
    }
    fn client(&self) -> &reqwest::Client {
        &self.client
    }
    fn inner(&self) -> &crate::hooks::Bearer {
        &self.inner
    }
}
const _: () = {
    #[allow(dead_code)]
    fn assert_client_hooks()
    where
        Client: ClientHooks<crate::hooks::Bearer>,
    {}
};
#[allow(clippy::all)]
impl Client {
    /**Check if application is available

Sends a `GET` request to `/api/ping`

*/
    pub async fn ping<'a>(&'a self) -> Result<ResponseValue<ByteStream>, Error<()>> {
        let url = format!("{}/api/ping", self.baseurl,);
        let mut header_map = ::reqwest::header::HeaderMap::with_capacity(1usize);
        header_map
            .append(
                ::reqwest::header::HeaderName::from_static("api-version"),
                ::reqwest::header::HeaderValue::from_static(Self::api_version()),
            );
        #[allow(unused_mut)]
        let mut request = self.client.get(url).headers(header_map).build()?;
        let info = OperationInfo {
            operation_id: "ping",
        };
        self.pre(&mut request, &info).await?;
        let result = self.exec(request, &info).await;
        self.post(&result, &info).await?;
        let response = result?;
        match response.status().as_u16() {
            200u16 => Ok(ResponseValue::stream(response)),
            _ => Err(Error::UnexpectedResponse(response)),
        }
    }
    /**Get servers

Sends a `GET` request to `/api/v1/servers`

Arguments:
- `firewall_policy_id`: Filter by assigned firewall policy
- `ip`: Filter by ip
- `limit`
- `name`: Filter by server name
- `offset`
- `q`: Search ignoring case within the property name, nickname, or ipv4Addresses
- `sort`: Sort by one or more fields. Prefix a field with '-' for descending order, no prefix for ascending. Allowed fields: name, nickname. Repeat the parameter to sort by multiple fields, e.g. ?sort=name&sort=-nickname.
*/
    pub async fn list_servers<'a>(
        &'a self,
        firewall_policy_id: Option<i32>,
        ip: Option<&'a str>,
        limit: Option<i32>,
        name: Option<&'a str>,
        offset: Option<i32>,
        q: Option<&'a str>,
        sort: Option<&'a ::std::vec::Vec<::std::string::String>>,
    ) -> Result<ResponseValue<::std::vec::Vec<types::ServerListMinimal>>, Error<()>> {
        let url = format!("{}/api/v1/servers", self.baseurl,);
        let mut header_map = ::reqwest::header::HeaderMap::with_capacity(1usize);
        header_map
            .append(
                ::reqwest::header::HeaderName::from_static("api-version"),
                ::reqwest::header::HeaderValue::from_static(Self::api_version()),
            );
        #[allow(unused_mut)]
        let mut request = self
            .client
            .get(url)
            .header(
                ::reqwest::header::ACCEPT,
                ::reqwest::header::HeaderValue::from_static("application/json"),
            )
            .query(
                &progenitor_client::QueryParam::new(
                    "firewallPolicyId",
                    &firewall_policy_id,
                ),
            )
            .query(&progenitor_client::QueryParam::new("ip", &ip))
            .query(&progenitor_client::QueryParam::new("limit", &limit))
            .query(&progenitor_client::QueryParam::new("name", &name))
            .query(&progenitor_client::QueryParam::new("offset", &offset))
            .query(&progenitor_client::QueryParam::new("q", &q))
            .query(&progenitor_client::QueryParam::new("sort", &sort))
            .headers(header_map)
            .build()?;
        let info = OperationInfo {
            operation_id: "list_servers",
        };
        self.pre(&mut request, &info).await?;
        let result = self.exec(request, &info).await;
        self.post(&result, &info).await?;
        let response = result?;
        match response.status().as_u16() {
            200u16 => ResponseValue::from_response(response).await,
            _ => Err(Error::UnexpectedResponse(response)),
        }
    }
    /**Get one server

Sends a `GET` request to `/api/v1/servers/{serverId}`

*/
    pub async fn get_server<'a>(
        &'a self,
        server_id: i32,
        load_server_live_info: Option<bool>,
    ) -> Result<ResponseValue<types::Server>, Error<types::ValidationError>> {
        let url = format!(
            "{}/api/v1/servers/{}", self.baseurl, encode_path(& server_id.to_string()),
        );
        let mut header_map = ::reqwest::header::HeaderMap::with_capacity(1usize);
        header_map
            .append(
                ::reqwest::header::HeaderName::from_static("api-version"),
                ::reqwest::header::HeaderValue::from_static(Self::api_version()),
            );
        #[allow(unused_mut)]
        let mut request = self
            .client
            .get(url)
            .header(
                ::reqwest::header::ACCEPT,
                ::reqwest::header::HeaderValue::from_static("application/json"),
            )
            .query(
                &progenitor_client::QueryParam::new(
                    "loadServerLiveInfo",
                    &load_server_live_info,
                ),
            )
            .headers(header_map)
            .build()?;
        let info = OperationInfo {
            operation_id: "get_server",
        };
        self.pre(&mut request, &info).await?;
        let result = self.exec(request, &info).await;
        self.post(&result, &info).await?;
        let response = result?;
        match response.status().as_u16() {
            200u16 => ResponseValue::from_response(response).await,
            404u16 => {
                Err(Error::ErrorResponse(ResponseValue::from_response(response).await?))
            }
            _ => Err(Error::UnexpectedResponse(response)),
        }
    }
    /**Start - stop server or update attributes like hostname, nickname, uefi, bootorder,

Only one attribute at a time.

Sends a `PATCH` request to `/api/v1/servers/{serverId}`

Arguments:
- `server_id`
- `state_option`: Only applicable if ServerStatePatch is used. Valid values for state ON: POWERCYCLE, RESET. Valid values for state OFF: POWEROFF.
- `body`
*/
    pub async fn patch_server<'a>(
        &'a self,
        server_id: i32,
        state_option: Option<&'a str>,
        body: &'a types::PatchServerBody,
    ) -> Result<ResponseValue<ByteStream>, Error<types::ValidationError>> {
        let url = format!(
            "{}/api/v1/servers/{}", self.baseurl, encode_path(& server_id.to_string()),
        );
        let mut header_map = ::reqwest::header::HeaderMap::with_capacity(1usize);
        header_map
            .append(
                ::reqwest::header::HeaderName::from_static("api-version"),
                ::reqwest::header::HeaderValue::from_static(Self::api_version()),
            );
        #[allow(unused_mut)]
        let mut request = self
            .client
            .patch(url)
            .json(&body)
            .query(&progenitor_client::QueryParam::new("stateOption", &state_option))
            .headers(header_map)
            .build()?;
        let info = OperationInfo {
            operation_id: "patch_server",
        };
        self.pre(&mut request, &info).await?;
        let result = self.exec(request, &info).await;
        self.post(&result, &info).await?;
        let response = result?;
        match response.status().as_u16() {
            200u16 => Ok(ResponseValue::stream(response)),
            202u16 => Ok(ResponseValue::stream(response)),
            503u16 => {
                Err(Error::ErrorResponse(ResponseValue::from_response(response).await?))
            }
            _ => Err(Error::UnexpectedResponse(response)),
        }
    }
    /**Get available image flavours for server image setup. Images whose storage driver is not supported by the server's machine type are not shown

Sends a `GET` request to `/api/v1/servers/{serverId}/imageflavours`

*/
    pub async fn list_image_flavours<'a>(
        &'a self,
        server_id: i32,
    ) -> Result<
        ResponseValue<::std::vec::Vec<types::ImageFlavour>>,
        Error<types::ValidationError>,
    > {
        let url = format!(
            "{}/api/v1/servers/{}/imageflavours", self.baseurl, encode_path(& server_id
            .to_string()),
        );
        let mut header_map = ::reqwest::header::HeaderMap::with_capacity(1usize);
        header_map
            .append(
                ::reqwest::header::HeaderName::from_static("api-version"),
                ::reqwest::header::HeaderValue::from_static(Self::api_version()),
            );
        #[allow(unused_mut)]
        let mut request = self
            .client
            .get(url)
            .header(
                ::reqwest::header::ACCEPT,
                ::reqwest::header::HeaderValue::from_static("application/json"),
            )
            .headers(header_map)
            .build()?;
        let info = OperationInfo {
            operation_id: "list_image_flavours",
        };
        self.pre(&mut request, &info).await?;
        let result = self.exec(request, &info).await;
        self.post(&result, &info).await?;
        let response = result?;
        match response.status().as_u16() {
            200u16 => ResponseValue::from_response(response).await,
            404u16 => {
                Err(Error::ErrorResponse(ResponseValue::from_response(response).await?))
            }
            _ => Err(Error::UnexpectedResponse(response)),
        }
    }
    /**Setup image for a server. Attention: All data will be lost during formatting on selected disk!

Sends a `POST` request to `/api/v1/servers/{serverId}/image`

*/
    pub async fn install_image<'a>(
        &'a self,
        server_id: i32,
        body: &'a types::ServerImageSetup,
    ) -> Result<ResponseValue<types::TaskInfo>, Error<types::ValidationError>> {
        let url = format!(
            "{}/api/v1/servers/{}/image", self.baseurl, encode_path(& server_id
            .to_string()),
        );
        let mut header_map = ::reqwest::header::HeaderMap::with_capacity(1usize);
        header_map
            .append(
                ::reqwest::header::HeaderName::from_static("api-version"),
                ::reqwest::header::HeaderValue::from_static(Self::api_version()),
            );
        #[allow(unused_mut)]
        let mut request = self
            .client
            .post(url)
            .header(
                ::reqwest::header::ACCEPT,
                ::reqwest::header::HeaderValue::from_static("application/json"),
            )
            .json(&body)
            .headers(header_map)
            .build()?;
        let info = OperationInfo {
            operation_id: "install_image",
        };
        self.pre(&mut request, &info).await?;
        let result = self.exec(request, &info).await;
        self.post(&result, &info).await?;
        let response = result?;
        match response.status().as_u16() {
            202u16 => ResponseValue::from_response(response).await,
            422u16 => {
                Err(Error::ErrorResponse(ResponseValue::from_response(response).await?))
            }
            _ => Err(Error::UnexpectedResponse(response)),
        }
    }
    /**Get all interfaces and IPs of a server including routed IPs and rDNS entries

Sends a `GET` request to `/api/v1/servers/{serverId}/interfaces`

*/
    pub async fn list_interfaces<'a>(
        &'a self,
        server_id: i32,
        load_rdns: Option<bool>,
    ) -> Result<
        ResponseValue<::std::vec::Vec<types::Interface>>,
        Error<types::ValidationError>,
    > {
        let url = format!(
            "{}/api/v1/servers/{}/interfaces", self.baseurl, encode_path(& server_id
            .to_string()),
        );
        let mut header_map = ::reqwest::header::HeaderMap::with_capacity(1usize);
        header_map
            .append(
                ::reqwest::header::HeaderName::from_static("api-version"),
                ::reqwest::header::HeaderValue::from_static(Self::api_version()),
            );
        #[allow(unused_mut)]
        let mut request = self
            .client
            .get(url)
            .header(
                ::reqwest::header::ACCEPT,
                ::reqwest::header::HeaderValue::from_static("application/json"),
            )
            .query(&progenitor_client::QueryParam::new("loadRdns", &load_rdns))
            .headers(header_map)
            .build()?;
        let info = OperationInfo {
            operation_id: "list_interfaces",
        };
        self.pre(&mut request, &info).await?;
        let result = self.exec(request, &info).await;
        self.post(&result, &info).await?;
        let response = result?;
        match response.status().as_u16() {
            200u16 => ResponseValue::from_response(response).await,
            404u16 => {
                Err(Error::ErrorResponse(ResponseValue::from_response(response).await?))
            }
            _ => Err(Error::UnexpectedResponse(response)),
        }
    }
    /**Get firewall

Sends a `GET` request to `/api/v1/servers/{serverId}/interfaces/{mac}/firewall`

Arguments:
- `server_id`
- `mac`
- `consistency_check`: Check that the firewall rules have been applied. This will set the consistent attribute to true or false.
*/
    pub async fn get_firewall<'a>(
        &'a self,
        server_id: i32,
        mac: &'a str,
        consistency_check: Option<bool>,
    ) -> Result<ResponseValue<types::ServerFirewall>, Error<types::ValidationError>> {
        let url = format!(
            "{}/api/v1/servers/{}/interfaces/{}/firewall", self.baseurl, encode_path(&
            server_id.to_string()), encode_path(& mac.to_string()),
        );
        let mut header_map = ::reqwest::header::HeaderMap::with_capacity(1usize);
        header_map
            .append(
                ::reqwest::header::HeaderName::from_static("api-version"),
                ::reqwest::header::HeaderValue::from_static(Self::api_version()),
            );
        #[allow(unused_mut)]
        let mut request = self
            .client
            .get(url)
            .header(
                ::reqwest::header::ACCEPT,
                ::reqwest::header::HeaderValue::from_static("application/json"),
            )
            .query(
                &progenitor_client::QueryParam::new(
                    "consistencyCheck",
                    &consistency_check,
                ),
            )
            .headers(header_map)
            .build()?;
        let info = OperationInfo {
            operation_id: "get_firewall",
        };
        self.pre(&mut request, &info).await?;
        let result = self.exec(request, &info).await;
        self.post(&result, &info).await?;
        let response = result?;
        match response.status().as_u16() {
            200u16 => ResponseValue::from_response(response).await,
            404u16 => {
                Err(Error::ErrorResponse(ResponseValue::from_response(response).await?))
            }
            _ => Err(Error::UnexpectedResponse(response)),
        }
    }
    /**Configure firewall

Sends a `PUT` request to `/api/v1/servers/{serverId}/interfaces/{mac}/firewall`

*/
    pub async fn put_firewall<'a>(
        &'a self,
        server_id: i32,
        mac: &'a str,
        body: &'a types::ServerFirewallSave,
    ) -> Result<ResponseValue<types::TaskInfo>, Error<types::ValidationError>> {
        let url = format!(
            "{}/api/v1/servers/{}/interfaces/{}/firewall", self.baseurl, encode_path(&
            server_id.to_string()), encode_path(& mac.to_string()),
        );
        let mut header_map = ::reqwest::header::HeaderMap::with_capacity(1usize);
        header_map
            .append(
                ::reqwest::header::HeaderName::from_static("api-version"),
                ::reqwest::header::HeaderValue::from_static(Self::api_version()),
            );
        #[allow(unused_mut)]
        let mut request = self
            .client
            .put(url)
            .header(
                ::reqwest::header::ACCEPT,
                ::reqwest::header::HeaderValue::from_static("application/json"),
            )
            .json(&body)
            .headers(header_map)
            .build()?;
        let info = OperationInfo {
            operation_id: "put_firewall",
        };
        self.pre(&mut request, &info).await?;
        let result = self.exec(request, &info).await;
        self.post(&result, &info).await?;
        let response = result?;
        match response.status().as_u16() {
            202u16 => ResponseValue::from_response(response).await,
            404u16 => {
                Err(Error::ErrorResponse(ResponseValue::from_response(response).await?))
            }
            422u16 => {
                Err(Error::ErrorResponse(ResponseValue::from_response(response).await?))
            }
            _ => Err(Error::UnexpectedResponse(response)),
        }
    }
    /**Get rescue system status for a server

Sends a `GET` request to `/api/v1/servers/{serverId}/rescuesystem`

*/
    pub async fn get_rescue_system<'a>(
        &'a self,
        server_id: i32,
    ) -> Result<
        ResponseValue<types::RescueSystemStatus>,
        Error<types::ValidationError>,
    > {
        let url = format!(
            "{}/api/v1/servers/{}/rescuesystem", self.baseurl, encode_path(& server_id
            .to_string()),
        );
        let mut header_map = ::reqwest::header::HeaderMap::with_capacity(1usize);
        header_map
            .append(
                ::reqwest::header::HeaderName::from_static("api-version"),
                ::reqwest::header::HeaderValue::from_static(Self::api_version()),
            );
        #[allow(unused_mut)]
        let mut request = self
            .client
            .get(url)
            .header(
                ::reqwest::header::ACCEPT,
                ::reqwest::header::HeaderValue::from_static("application/json"),
            )
            .headers(header_map)
            .build()?;
        let info = OperationInfo {
            operation_id: "get_rescue_system",
        };
        self.pre(&mut request, &info).await?;
        let result = self.exec(request, &info).await;
        self.post(&result, &info).await?;
        let response = result?;
        match response.status().as_u16() {
            200u16 => ResponseValue::from_response(response).await,
            404u16 => {
                Err(Error::ErrorResponse(ResponseValue::from_response(response).await?))
            }
            _ => Err(Error::UnexpectedResponse(response)),
        }
    }
    /**Activate rescue system for a server

Sends a `POST` request to `/api/v1/servers/{serverId}/rescuesystem`

*/
    pub async fn start_rescue_system<'a>(
        &'a self,
        server_id: i32,
    ) -> Result<ResponseValue<types::TaskInfo>, Error<types::ValidationError>> {
        let url = format!(
            "{}/api/v1/servers/{}/rescuesystem", self.baseurl, encode_path(& server_id
            .to_string()),
        );
        let mut header_map = ::reqwest::header::HeaderMap::with_capacity(1usize);
        header_map
            .append(
                ::reqwest::header::HeaderName::from_static("api-version"),
                ::reqwest::header::HeaderValue::from_static(Self::api_version()),
            );
        #[allow(unused_mut)]
        let mut request = self
            .client
            .post(url)
            .header(
                ::reqwest::header::ACCEPT,
                ::reqwest::header::HeaderValue::from_static("application/json"),
            )
            .headers(header_map)
            .build()?;
        let info = OperationInfo {
            operation_id: "start_rescue_system",
        };
        self.pre(&mut request, &info).await?;
        let result = self.exec(request, &info).await;
        self.post(&result, &info).await?;
        let response = result?;
        match response.status().as_u16() {
            202u16 => ResponseValue::from_response(response).await,
            400u16 => {
                Err(Error::ErrorResponse(ResponseValue::from_response(response).await?))
            }
            404u16 => {
                Err(Error::ErrorResponse(ResponseValue::from_response(response).await?))
            }
            _ => Err(Error::UnexpectedResponse(response)),
        }
    }
    /**Deactivate rescue system for a server

Sends a `DELETE` request to `/api/v1/servers/{serverId}/rescuesystem`

*/
    pub async fn stop_rescue_system<'a>(
        &'a self,
        server_id: i32,
    ) -> Result<ResponseValue<types::TaskInfo>, Error<types::ValidationError>> {
        let url = format!(
            "{}/api/v1/servers/{}/rescuesystem", self.baseurl, encode_path(& server_id
            .to_string()),
        );
        let mut header_map = ::reqwest::header::HeaderMap::with_capacity(1usize);
        header_map
            .append(
                ::reqwest::header::HeaderName::from_static("api-version"),
                ::reqwest::header::HeaderValue::from_static(Self::api_version()),
            );
        #[allow(unused_mut)]
        let mut request = self
            .client
            .delete(url)
            .header(
                ::reqwest::header::ACCEPT,
                ::reqwest::header::HeaderValue::from_static("application/json"),
            )
            .headers(header_map)
            .build()?;
        let info = OperationInfo {
            operation_id: "stop_rescue_system",
        };
        self.pre(&mut request, &info).await?;
        let result = self.exec(request, &info).await;
        self.post(&result, &info).await?;
        let response = result?;
        match response.status().as_u16() {
            202u16 => ResponseValue::from_response(response).await,
            400u16 => {
                Err(Error::ErrorResponse(ResponseValue::from_response(response).await?))
            }
            404u16 => {
                Err(Error::ErrorResponse(ResponseValue::from_response(response).await?))
            }
            _ => Err(Error::UnexpectedResponse(response)),
        }
    }
    /**Get all snapshots of a server

Sends a `GET` request to `/api/v1/servers/{serverId}/snapshots`

*/
    pub async fn list_snapshots<'a>(
        &'a self,
        server_id: i32,
    ) -> Result<
        ResponseValue<::std::vec::Vec<types::SnapshotMinimal>>,
        Error<types::ValidationError>,
    > {
        let url = format!(
            "{}/api/v1/servers/{}/snapshots", self.baseurl, encode_path(& server_id
            .to_string()),
        );
        let mut header_map = ::reqwest::header::HeaderMap::with_capacity(1usize);
        header_map
            .append(
                ::reqwest::header::HeaderName::from_static("api-version"),
                ::reqwest::header::HeaderValue::from_static(Self::api_version()),
            );
        #[allow(unused_mut)]
        let mut request = self
            .client
            .get(url)
            .header(
                ::reqwest::header::ACCEPT,
                ::reqwest::header::HeaderValue::from_static("application/json"),
            )
            .headers(header_map)
            .build()?;
        let info = OperationInfo {
            operation_id: "list_snapshots",
        };
        self.pre(&mut request, &info).await?;
        let result = self.exec(request, &info).await;
        self.post(&result, &info).await?;
        let response = result?;
        match response.status().as_u16() {
            200u16 => ResponseValue::from_response(response).await,
            404u16 => {
                Err(Error::ErrorResponse(ResponseValue::from_response(response).await?))
            }
            503u16 => {
                Err(Error::ErrorResponse(ResponseValue::from_response(response).await?))
            }
            _ => Err(Error::UnexpectedResponse(response)),
        }
    }
    /**Create a snapshot

Sends a `POST` request to `/api/v1/servers/{serverId}/snapshots`

*/
    pub async fn create_snapshot<'a>(
        &'a self,
        server_id: i32,
        body: &'a types::ServerSnapshotCreate,
    ) -> Result<ResponseValue<types::TaskInfo>, Error<types::ValidationError>> {
        let url = format!(
            "{}/api/v1/servers/{}/snapshots", self.baseurl, encode_path(& server_id
            .to_string()),
        );
        let mut header_map = ::reqwest::header::HeaderMap::with_capacity(1usize);
        header_map
            .append(
                ::reqwest::header::HeaderName::from_static("api-version"),
                ::reqwest::header::HeaderValue::from_static(Self::api_version()),
            );
        #[allow(unused_mut)]
        let mut request = self
            .client
            .post(url)
            .header(
                ::reqwest::header::ACCEPT,
                ::reqwest::header::HeaderValue::from_static("application/json"),
            )
            .json(&body)
            .headers(header_map)
            .build()?;
        let info = OperationInfo {
            operation_id: "create_snapshot",
        };
        self.pre(&mut request, &info).await?;
        let result = self.exec(request, &info).await;
        self.post(&result, &info).await?;
        let response = result?;
        match response.status().as_u16() {
            202u16 => ResponseValue::from_response(response).await,
            400u16 => {
                Err(Error::ErrorResponse(ResponseValue::from_response(response).await?))
            }
            404u16 => {
                Err(Error::ErrorResponse(ResponseValue::from_response(response).await?))
            }
            503u16 => {
                Err(Error::ErrorResponse(ResponseValue::from_response(response).await?))
            }
            _ => Err(Error::UnexpectedResponse(response)),
        }
    }
    /**Check if creating a snapshot is possible

Sends a `POST` request to `/api/v1/servers/{serverId}/snapshots:dryrun`

*/
    pub async fn check_snapshot<'a>(
        &'a self,
        server_id: i32,
        body: &'a types::ServerSnapshotCreateCheck,
    ) -> Result<
        ResponseValue<::std::vec::Vec<types::ResponseError>>,
        Error<ByteStream>,
    > {
        let url = format!(
            "{}/api/v1/servers/{}/snapshots:dryrun", self.baseurl, encode_path(&
            server_id.to_string()),
        );
        let mut header_map = ::reqwest::header::HeaderMap::with_capacity(1usize);
        header_map
            .append(
                ::reqwest::header::HeaderName::from_static("api-version"),
                ::reqwest::header::HeaderValue::from_static(Self::api_version()),
            );
        #[allow(unused_mut)]
        let mut request = self
            .client
            .post(url)
            .header(
                ::reqwest::header::ACCEPT,
                ::reqwest::header::HeaderValue::from_static("application/json"),
            )
            .json(&body)
            .headers(header_map)
            .build()?;
        let info = OperationInfo {
            operation_id: "check_snapshot",
        };
        self.pre(&mut request, &info).await?;
        let result = self.exec(request, &info).await;
        self.post(&result, &info).await?;
        let response = result?;
        match response.status().as_u16() {
            200u16 => ResponseValue::from_response(response).await,
            400u16 => Err(Error::ErrorResponse(ResponseValue::stream(response))),
            404u16 => Err(Error::ErrorResponse(ResponseValue::stream(response))),
            _ => Err(Error::UnexpectedResponse(response)),
        }
    }
    /**Delete a snapshot of a server

Sends a `DELETE` request to `/api/v1/servers/{serverId}/snapshots/{name}`

*/
    pub async fn delete_snapshot<'a>(
        &'a self,
        server_id: i32,
        name: &'a str,
    ) -> Result<ResponseValue<types::TaskInfo>, Error<types::ValidationError>> {
        let url = format!(
            "{}/api/v1/servers/{}/snapshots/{}", self.baseurl, encode_path(& server_id
            .to_string()), encode_path(& name.to_string()),
        );
        let mut header_map = ::reqwest::header::HeaderMap::with_capacity(1usize);
        header_map
            .append(
                ::reqwest::header::HeaderName::from_static("api-version"),
                ::reqwest::header::HeaderValue::from_static(Self::api_version()),
            );
        #[allow(unused_mut)]
        let mut request = self
            .client
            .delete(url)
            .header(
                ::reqwest::header::ACCEPT,
                ::reqwest::header::HeaderValue::from_static("application/json"),
            )
            .headers(header_map)
            .build()?;
        let info = OperationInfo {
            operation_id: "delete_snapshot",
        };
        self.pre(&mut request, &info).await?;
        let result = self.exec(request, &info).await;
        self.post(&result, &info).await?;
        let response = result?;
        match response.status().as_u16() {
            202u16 => ResponseValue::from_response(response).await,
            404u16 => {
                Err(Error::ErrorResponse(ResponseValue::from_response(response).await?))
            }
            503u16 => {
                Err(Error::ErrorResponse(ResponseValue::from_response(response).await?))
            }
            _ => Err(Error::UnexpectedResponse(response)),
        }
    }
    /**Get all tasks

Sends a `GET` request to `/api/v1/tasks`

Arguments:
- `limit`
- `offset`
- `q`: Search ignoring case within the properties name, uuid, server name, server nickname and server uuid
- `server_id`
- `state`: Filter by state (ROLLBACK is not supported)
*/
    pub async fn list_tasks<'a>(
        &'a self,
        limit: Option<i32>,
        offset: Option<i32>,
        q: Option<&'a str>,
        server_id: Option<i32>,
        state: Option<&'a types::TaskState>,
    ) -> Result<ResponseValue<::std::vec::Vec<types::TaskInfoMinimal>>, Error<()>> {
        let url = format!("{}/api/v1/tasks", self.baseurl,);
        let mut header_map = ::reqwest::header::HeaderMap::with_capacity(1usize);
        header_map
            .append(
                ::reqwest::header::HeaderName::from_static("api-version"),
                ::reqwest::header::HeaderValue::from_static(Self::api_version()),
            );
        #[allow(unused_mut)]
        let mut request = self
            .client
            .get(url)
            .header(
                ::reqwest::header::ACCEPT,
                ::reqwest::header::HeaderValue::from_static("application/json"),
            )
            .query(&progenitor_client::QueryParam::new("limit", &limit))
            .query(&progenitor_client::QueryParam::new("offset", &offset))
            .query(&progenitor_client::QueryParam::new("q", &q))
            .query(&progenitor_client::QueryParam::new("serverId", &server_id))
            .query(&progenitor_client::QueryParam::new("state", &state))
            .headers(header_map)
            .build()?;
        let info = OperationInfo {
            operation_id: "list_tasks",
        };
        self.pre(&mut request, &info).await?;
        let result = self.exec(request, &info).await;
        self.post(&result, &info).await?;
        let response = result?;
        match response.status().as_u16() {
            200u16 => ResponseValue::from_response(response).await,
            _ => Err(Error::UnexpectedResponse(response)),
        }
    }
    /**Get one task

Sends a `GET` request to `/api/v1/tasks/{uuid}`

*/
    pub async fn get_task<'a>(
        &'a self,
        uuid: &'a str,
    ) -> Result<ResponseValue<types::TaskInfo>, Error<types::ValidationError>> {
        let url = format!(
            "{}/api/v1/tasks/{}", self.baseurl, encode_path(& uuid.to_string()),
        );
        let mut header_map = ::reqwest::header::HeaderMap::with_capacity(1usize);
        header_map
            .append(
                ::reqwest::header::HeaderName::from_static("api-version"),
                ::reqwest::header::HeaderValue::from_static(Self::api_version()),
            );
        #[allow(unused_mut)]
        let mut request = self
            .client
            .get(url)
            .header(
                ::reqwest::header::ACCEPT,
                ::reqwest::header::HeaderValue::from_static("application/json"),
            )
            .headers(header_map)
            .build()?;
        let info = OperationInfo {
            operation_id: "get_task",
        };
        self.pre(&mut request, &info).await?;
        let result = self.exec(request, &info).await;
        self.post(&result, &info).await?;
        let response = result?;
        match response.status().as_u16() {
            200u16 => ResponseValue::from_response(response).await,
            404u16 => {
                Err(Error::ErrorResponse(ResponseValue::from_response(response).await?))
            }
            _ => Err(Error::UnexpectedResponse(response)),
        }
    }
    /**Get one user

Sends a `GET` request to `/api/v1/users/{userId}`

*/
    pub async fn get_user<'a>(
        &'a self,
        user_id: i32,
    ) -> Result<ResponseValue<types::User>, Error<types::ValidationError>> {
        let url = format!(
            "{}/api/v1/users/{}", self.baseurl, encode_path(& user_id.to_string()),
        );
        let mut header_map = ::reqwest::header::HeaderMap::with_capacity(1usize);
        header_map
            .append(
                ::reqwest::header::HeaderName::from_static("api-version"),
                ::reqwest::header::HeaderValue::from_static(Self::api_version()),
            );
        #[allow(unused_mut)]
        let mut request = self
            .client
            .get(url)
            .header(
                ::reqwest::header::ACCEPT,
                ::reqwest::header::HeaderValue::from_static("application/json"),
            )
            .headers(header_map)
            .build()?;
        let info = OperationInfo {
            operation_id: "get_user",
        };
        self.pre(&mut request, &info).await?;
        let result = self.exec(request, &info).await;
        self.post(&result, &info).await?;
        let response = result?;
        match response.status().as_u16() {
            200u16 => ResponseValue::from_response(response).await,
            404u16 => {
                Err(Error::ErrorResponse(ResponseValue::from_response(response).await?))
            }
            _ => Err(Error::UnexpectedResponse(response)),
        }
    }
    /**Get SSH keys

Sends a `GET` request to `/api/v1/users/{userId}/ssh-keys`

*/
    pub async fn list_ssh_keys<'a>(
        &'a self,
        user_id: i32,
    ) -> Result<ResponseValue<::std::vec::Vec<types::SshKey>>, Error<()>> {
        let url = format!(
            "{}/api/v1/users/{}/ssh-keys", self.baseurl, encode_path(& user_id
            .to_string()),
        );
        let mut header_map = ::reqwest::header::HeaderMap::with_capacity(1usize);
        header_map
            .append(
                ::reqwest::header::HeaderName::from_static("api-version"),
                ::reqwest::header::HeaderValue::from_static(Self::api_version()),
            );
        #[allow(unused_mut)]
        let mut request = self
            .client
            .get(url)
            .header(
                ::reqwest::header::ACCEPT,
                ::reqwest::header::HeaderValue::from_static("application/json"),
            )
            .headers(header_map)
            .build()?;
        let info = OperationInfo {
            operation_id: "list_ssh_keys",
        };
        self.pre(&mut request, &info).await?;
        let result = self.exec(request, &info).await;
        self.post(&result, &info).await?;
        let response = result?;
        match response.status().as_u16() {
            200u16 => ResponseValue::from_response(response).await,
            _ => Err(Error::UnexpectedResponse(response)),
        }
    }
    /**Create SSH key

Sends a `POST` request to `/api/v1/users/{userId}/ssh-keys`

*/
    pub async fn add_ssh_key<'a>(
        &'a self,
        user_id: i32,
        body: &'a types::SshKey,
    ) -> Result<ResponseValue<types::SshKey>, Error<types::ValidationError>> {
        let url = format!(
            "{}/api/v1/users/{}/ssh-keys", self.baseurl, encode_path(& user_id
            .to_string()),
        );
        let mut header_map = ::reqwest::header::HeaderMap::with_capacity(1usize);
        header_map
            .append(
                ::reqwest::header::HeaderName::from_static("api-version"),
                ::reqwest::header::HeaderValue::from_static(Self::api_version()),
            );
        #[allow(unused_mut)]
        let mut request = self
            .client
            .post(url)
            .header(
                ::reqwest::header::ACCEPT,
                ::reqwest::header::HeaderValue::from_static("application/json"),
            )
            .json(&body)
            .headers(header_map)
            .build()?;
        let info = OperationInfo {
            operation_id: "add_ssh_key",
        };
        self.pre(&mut request, &info).await?;
        let result = self.exec(request, &info).await;
        self.post(&result, &info).await?;
        let response = result?;
        match response.status().as_u16() {
            201u16 => ResponseValue::from_response(response).await,
            422u16 => {
                Err(Error::ErrorResponse(ResponseValue::from_response(response).await?))
            }
            _ => Err(Error::UnexpectedResponse(response)),
        }
    }
    /**Delete SSH key

Sends a `DELETE` request to `/api/v1/users/{userId}/ssh-keys/{id}`

*/
    pub async fn delete_ssh_key<'a>(
        &'a self,
        user_id: i32,
        id: i32,
    ) -> Result<ResponseValue<()>, Error<types::ValidationError>> {
        let url = format!(
            "{}/api/v1/users/{}/ssh-keys/{}", self.baseurl, encode_path(& user_id
            .to_string()), encode_path(& id.to_string()),
        );
        let mut header_map = ::reqwest::header::HeaderMap::with_capacity(1usize);
        header_map
            .append(
                ::reqwest::header::HeaderName::from_static("api-version"),
                ::reqwest::header::HeaderValue::from_static(Self::api_version()),
            );
        #[allow(unused_mut)]
        let mut request = self
            .client
            .delete(url)
            .header(
                ::reqwest::header::ACCEPT,
                ::reqwest::header::HeaderValue::from_static("application/json"),
            )
            .headers(header_map)
            .build()?;
        let info = OperationInfo {
            operation_id: "delete_ssh_key",
        };
        self.pre(&mut request, &info).await?;
        let result = self.exec(request, &info).await;
        self.post(&result, &info).await?;
        let response = result?;
        match response.status().as_u16() {
            204u16 => Ok(ResponseValue::empty(response)),
            403u16 => {
                Err(Error::ErrorResponse(ResponseValue::from_response(response).await?))
            }
            404u16 => {
                Err(Error::ErrorResponse(ResponseValue::from_response(response).await?))
            }
            _ => Err(Error::UnexpectedResponse(response)),
        }
    }
    /**Get rDNS for an IPv4

Sends a `GET` request to `/api/v1/rdns/ipv4/{ip}`

*/
    pub async fn get_rdns_ipv4<'a>(
        &'a self,
        ip: &'a str,
    ) -> Result<ResponseValue<types::Rdns>, Error<types::ValidationError>> {
        let url = format!(
            "{}/api/v1/rdns/ipv4/{}", self.baseurl, encode_path(& ip.to_string()),
        );
        let mut header_map = ::reqwest::header::HeaderMap::with_capacity(1usize);
        header_map
            .append(
                ::reqwest::header::HeaderName::from_static("api-version"),
                ::reqwest::header::HeaderValue::from_static(Self::api_version()),
            );
        #[allow(unused_mut)]
        let mut request = self
            .client
            .get(url)
            .header(
                ::reqwest::header::ACCEPT,
                ::reqwest::header::HeaderValue::from_static("application/json"),
            )
            .headers(header_map)
            .build()?;
        let info = OperationInfo {
            operation_id: "get_rdns_ipv4",
        };
        self.pre(&mut request, &info).await?;
        let result = self.exec(request, &info).await;
        self.post(&result, &info).await?;
        let response = result?;
        match response.status().as_u16() {
            200u16 => ResponseValue::from_response(response).await,
            422u16 => {
                Err(Error::ErrorResponse(ResponseValue::from_response(response).await?))
            }
            _ => Err(Error::UnexpectedResponse(response)),
        }
    }
    /**Delete an rDNS entry of an IPv4

Sends a `DELETE` request to `/api/v1/rdns/ipv4/{ip}`

*/
    pub async fn delete_rdns_ipv4<'a>(
        &'a self,
        ip: &'a str,
    ) -> Result<ResponseValue<()>, Error<types::ValidationError>> {
        let url = format!(
            "{}/api/v1/rdns/ipv4/{}", self.baseurl, encode_path(& ip.to_string()),
        );
        let mut header_map = ::reqwest::header::HeaderMap::with_capacity(1usize);
        header_map
            .append(
                ::reqwest::header::HeaderName::from_static("api-version"),
                ::reqwest::header::HeaderValue::from_static(Self::api_version()),
            );
        #[allow(unused_mut)]
        let mut request = self
            .client
            .delete(url)
            .header(
                ::reqwest::header::ACCEPT,
                ::reqwest::header::HeaderValue::from_static("application/json"),
            )
            .headers(header_map)
            .build()?;
        let info = OperationInfo {
            operation_id: "delete_rdns_ipv4",
        };
        self.pre(&mut request, &info).await?;
        let result = self.exec(request, &info).await;
        self.post(&result, &info).await?;
        let response = result?;
        match response.status().as_u16() {
            204u16 => Ok(ResponseValue::empty(response)),
            422u16 => {
                Err(Error::ErrorResponse(ResponseValue::from_response(response).await?))
            }
            _ => Err(Error::UnexpectedResponse(response)),
        }
    }
    /**Set an rDNS entry for an IPv4

Sends a `POST` request to `/api/v1/rdns/ipv4`

*/
    pub async fn set_rdns_ipv4<'a>(
        &'a self,
        body: &'a types::SetRdnsIpv4,
    ) -> Result<ResponseValue<()>, Error<types::ValidationError>> {
        let url = format!("{}/api/v1/rdns/ipv4", self.baseurl,);
        let mut header_map = ::reqwest::header::HeaderMap::with_capacity(1usize);
        header_map
            .append(
                ::reqwest::header::HeaderName::from_static("api-version"),
                ::reqwest::header::HeaderValue::from_static(Self::api_version()),
            );
        #[allow(unused_mut)]
        let mut request = self
            .client
            .post(url)
            .header(
                ::reqwest::header::ACCEPT,
                ::reqwest::header::HeaderValue::from_static("application/json"),
            )
            .json(&body)
            .headers(header_map)
            .build()?;
        let info = OperationInfo {
            operation_id: "set_rdns_ipv4",
        };
        self.pre(&mut request, &info).await?;
        let result = self.exec(request, &info).await;
        self.post(&result, &info).await?;
        let response = result?;
        match response.status().as_u16() {
            200u16 => Ok(ResponseValue::empty(response)),
            422u16 => {
                Err(Error::ErrorResponse(ResponseValue::from_response(response).await?))
            }
            _ => Err(Error::UnexpectedResponse(response)),
        }
    }
    /**Get rDNS for an IPv6

Sends a `GET` request to `/api/v1/rdns/ipv6/{ip}`

*/
    pub async fn get_rdns_ipv6<'a>(
        &'a self,
        ip: &'a str,
    ) -> Result<ResponseValue<types::Rdns>, Error<types::ValidationError>> {
        let url = format!(
            "{}/api/v1/rdns/ipv6/{}", self.baseurl, encode_path(& ip.to_string()),
        );
        let mut header_map = ::reqwest::header::HeaderMap::with_capacity(1usize);
        header_map
            .append(
                ::reqwest::header::HeaderName::from_static("api-version"),
                ::reqwest::header::HeaderValue::from_static(Self::api_version()),
            );
        #[allow(unused_mut)]
        let mut request = self
            .client
            .get(url)
            .header(
                ::reqwest::header::ACCEPT,
                ::reqwest::header::HeaderValue::from_static("application/json"),
            )
            .headers(header_map)
            .build()?;
        let info = OperationInfo {
            operation_id: "get_rdns_ipv6",
        };
        self.pre(&mut request, &info).await?;
        let result = self.exec(request, &info).await;
        self.post(&result, &info).await?;
        let response = result?;
        match response.status().as_u16() {
            200u16 => ResponseValue::from_response(response).await,
            422u16 => {
                Err(Error::ErrorResponse(ResponseValue::from_response(response).await?))
            }
            _ => Err(Error::UnexpectedResponse(response)),
        }
    }
    /**Delete an rDNS entry of an IPv6

Sends a `DELETE` request to `/api/v1/rdns/ipv6/{ip}`

*/
    pub async fn delete_rdns_ipv6<'a>(
        &'a self,
        ip: &'a str,
    ) -> Result<ResponseValue<()>, Error<types::ValidationError>> {
        let url = format!(
            "{}/api/v1/rdns/ipv6/{}", self.baseurl, encode_path(& ip.to_string()),
        );
        let mut header_map = ::reqwest::header::HeaderMap::with_capacity(1usize);
        header_map
            .append(
                ::reqwest::header::HeaderName::from_static("api-version"),
                ::reqwest::header::HeaderValue::from_static(Self::api_version()),
            );
        #[allow(unused_mut)]
        let mut request = self
            .client
            .delete(url)
            .header(
                ::reqwest::header::ACCEPT,
                ::reqwest::header::HeaderValue::from_static("application/json"),
            )
            .headers(header_map)
            .build()?;
        let info = OperationInfo {
            operation_id: "delete_rdns_ipv6",
        };
        self.pre(&mut request, &info).await?;
        let result = self.exec(request, &info).await;
        self.post(&result, &info).await?;
        let response = result?;
        match response.status().as_u16() {
            204u16 => Ok(ResponseValue::empty(response)),
            422u16 => {
                Err(Error::ErrorResponse(ResponseValue::from_response(response).await?))
            }
            _ => Err(Error::UnexpectedResponse(response)),
        }
    }
    /**Set an rDNS entry for an IPv6

Sends a `POST` request to `/api/v1/rdns/ipv6`

*/
    pub async fn set_rdns_ipv6<'a>(
        &'a self,
        body: &'a types::SetRdnsIpv6,
    ) -> Result<ResponseValue<()>, Error<types::ValidationError>> {
        let url = format!("{}/api/v1/rdns/ipv6", self.baseurl,);
        let mut header_map = ::reqwest::header::HeaderMap::with_capacity(1usize);
        header_map
            .append(
                ::reqwest::header::HeaderName::from_static("api-version"),
                ::reqwest::header::HeaderValue::from_static(Self::api_version()),
            );
        #[allow(unused_mut)]
        let mut request = self
            .client
            .post(url)
            .header(
                ::reqwest::header::ACCEPT,
                ::reqwest::header::HeaderValue::from_static("application/json"),
            )
            .json(&body)
            .headers(header_map)
            .build()?;
        let info = OperationInfo {
            operation_id: "set_rdns_ipv6",
        };
        self.pre(&mut request, &info).await?;
        let result = self.exec(request, &info).await;
        self.post(&result, &info).await?;
        let response = result?;
        match response.status().as_u16() {
            200u16 => Ok(ResponseValue::empty(response)),
            422u16 => {
                Err(Error::ErrorResponse(ResponseValue::from_response(response).await?))
            }
            _ => Err(Error::UnexpectedResponse(response)),
        }
    }
}
/// Items consumers will typically use such as the Client.
pub mod prelude {
    #[allow(unused_imports)]
    pub use super::Client;
}
