// Polynomials for GELU and its gradient, a = |x|: fits at the Chebyshev nodes of each interval in 50 digits, the coefficients rounded one by
// one from the highest degree on and the others fitted again.

// clang-format off

// log2(2 Phi(-a)) + a^2 0x1.715476p-1 near a = i / 2.17, i = 0 ... 31: coefficients of 1 to a^4. Phi(-a) errs by at most 0.55 eps, a quarter
// of the bound. Without the square what is left is small, and its roundings with it; it need not be centred, for its terms do not cancel.
// 0 at 0.
static const float gelu_log[5][32] __attribute__((aligned(64))) = {
    {            0.0f,  -0x1.cccd3p-18f, -0x1.789e9cp-12f,  -0x1.6383a6p-9f,  -0x1.4042f6p-7f,  -0x1.87300ap-6f,  -0x1.79defcp-5f,  -0x1.390ac8p-4f,
      -0x1.d275e6p-4f,  -0x1.42052cp-3f,   -0x1.a42dep-3f,  -0x1.0699bep-2f,  -0x1.3d7784p-2f,  -0x1.75ce0ep-2f,  -0x1.aee9a2p-2f,  -0x1.e83ebep-2f,
       -0x1.10b16p-1f,  -0x1.2d0338p-1f,  -0x1.48f7acp-1f,  -0x1.6479b4p-1f,  -0x1.7f7ae4p-1f,  -0x1.99f19ap-1f,  -0x1.b3d7e6p-1f,  -0x1.cd2ab4p-1f,
      -0x1.e5e922p-1f,  -0x1.fe13bcp-1f,   -0x1.0ad63p+0f,  -0x1.165acap+0f,  -0x1.219952p+0f,  -0x1.2c93a6p+0f,  -0x1.374ba8p+0f,  -0x1.41c36cp+0f},
    { -0x1.26aec2p+0f,   -0x1.26a98p+0f,  -0x1.262db2p+0f,  -0x1.242224p+0f,  -0x1.1faf78p+0f,  -0x1.18bd82p+0f,  -0x1.0fc16ep+0f,  -0x1.0564c4p+0f,
      -0x1.f49358p-1f,  -0x1.dde314p-1f,   -0x1.c771ap-1f,  -0x1.b1b806p-1f,  -0x1.9cfe86p-1f,  -0x1.896ad4p-1f,  -0x1.770b42p-1f,  -0x1.65df1ep-1f,
       -0x1.55dc9p-1f,  -0x1.46f466p-1f,  -0x1.3914d4p-1f,  -0x1.2c2b12p-1f,  -0x1.202458p-1f,  -0x1.14ee92p-1f,   -0x1.0a78bp-1f,   -0x1.00b2dp-1f,
      -0x1.ef1c9ap-2f,  -0x1.ddfb82p-2f,  -0x1.cde9e4p-2f,  -0x1.bed18ap-2f,  -0x1.b09e44p-2f,   -0x1.a33dcp-2f,  -0x1.969f6cp-2f,  -0x1.8ab436p-2f},
    {    0x1.0c6ap-2f,   0x1.0c0c3cp-2f,   0x1.0814e8p-2f,   0x1.fb26a8p-3f,   0x1.da29cep-3f,   0x1.b1f746p-3f,   0x1.875e5cp-3f,    0x1.5dc8bp-3f,
       0x1.37278ep-3f,   0x1.145734p-3f,   0x1.eb106ep-4f,   0x1.b51b54p-4f,   0x1.861dc6p-4f,   0x1.5d48c4p-4f,   0x1.39ce28p-4f,   0x1.1aef78p-4f,
       0x1.0003acp-4f,   0x1.d0f044p-5f,   0x1.a79ee4p-5f,   0x1.833e56p-5f,   0x1.631a96p-5f,   0x1.469bbep-5f,   0x1.2d4192p-5f,   0x1.169fb2p-5f,
       0x1.025a5ap-5f,   0x1.e04746p-6f,   0x1.bf727ep-6f,    0x1.a1c52p-6f,   0x1.86de2ep-6f,    0x1.6e6a5p-6f,   0x1.5821acp-6f,   0x1.43c61ep-6f},
    { -0x1.ad6588p-5f,  -0x1.a763fcp-5f,  -0x1.89d372p-5f,  -0x1.59697cp-5f,   -0x1.22c95p-5f,  -0x1.dddef6p-6f,   -0x1.83f02p-6f,  -0x1.39a9b6p-6f,
      -0x1.fbc432p-7f,   -0x1.9cb8dp-7f,  -0x1.517ccep-7f,   -0x1.15e53p-7f,  -0x1.cd0accp-8f,   -0x1.814ffp-8f,  -0x1.446522p-8f,  -0x1.130de2p-8f,
      -0x1.d59caep-9f,  -0x1.937bf8p-9f,  -0x1.5cc87cp-9f,  -0x1.2f3ae6p-9f,  -0x1.090cd8p-9f,  -0x1.d1b49p-10f, -0x1.9b14d4p-10f, -0x1.6c7cc4p-10f,
     -0x1.44885cp-10f,  -0x1.22197p-10f, -0x1.04489ap-10f, -0x1.d4b334p-11f, -0x1.a764d8p-11f, -0x1.7fa8bep-11f,  -0x1.5cad5p-11f, -0x1.3dc462p-11f},
    {  0x1.c3050cp-8f,   0x1.9bc57ep-8f,   0x1.4714ccp-8f,   0x1.e54704p-9f,    0x1.5cf18p-9f,  0x1.f0a8a2p-10f,   0x1.61fb5p-10f,  0x1.fcb158p-11f,
       0x1.71c8ap-11f,  0x1.10669cp-11f,  0x1.96ebccp-12f,  0x1.34254cp-12f,  0x1.d8f1f4p-13f,  0x1.6f90c8p-13f,  0x1.211834p-13f,  0x1.cbdc48p-14f,
      0x1.719452p-14f,  0x1.2beb02p-14f,  0x1.eb2fb4p-15f,  0x1.959b42p-15f,  0x1.519024p-15f,  0x1.1afc18p-15f,  0x1.ddb04ep-16f,  0x1.95bca4p-16f,
      0x1.5aaa96p-16f,  0x1.29d6d6p-16f,  0x1.013836p-16f,  0x1.be7268p-17f,  0x1.85379ep-17f,   0x1.54c9bp-17f,  0x1.2b98fap-17f,   0x1.08658p-17f},
};

// e^(a^2 / 2) (Phi(-a) - a phi(a)): coefficients of 1 to a^4. The intervals begin where a + 1 has no more than three bits behind its first,
// from 1 to 16, and come in the order of these bits with the last two of the exponent before them. It errs by at most 0.21 eps of the larger
// term.
static const float gelu_slope[5][32] __attribute__((aligned(64))) = {
    {   0x1.f911dp-2f,   0x1.f2e776p-2f,   0x1.eab8fap-2f,   0x1.e0d182p-2f,   0x1.d58ff8p-2f,   0x1.c954c2p-2f,   0x1.bc77b2p-2f,    0x1.af437p-2f,
       0x1.9b9b34p-2f,   0x1.819172p-2f,   0x1.68ee34p-2f,   0x1.5212ccp-2f,   0x1.3d1bc4p-2f,   0x1.29ff86p-2f,   0x1.18a114p-2f,   0x1.08db2cp-2f,
       0x1.e84274p-3f,   0x1.b881bep-3f,   0x1.90933cp-3f,   0x1.6ed9a6p-3f,   0x1.521502p-3f,   0x1.394f26p-3f,   0x1.23ca02p-3f,   0x1.10f1acp-3f,
            0x1.0p-1f,     0x1.ffffp-2f,   0x1.fff4f4p-2f,    0x1.ffcf9p-2f,   0x1.ff7618p-2f,   0x1.fece98p-2f,   0x1.fdc1fep-2f,   0x1.fc3e74p-2f},
    { -0x1.877be4p-1f,  -0x1.7d9d78p-1f,  -0x1.72b1e4p-1f,  -0x1.675c92p-1f,  -0x1.5c1746p-1f,   -0x1.51347p-1f,  -0x1.46e6d2p-1f,  -0x1.3d49b2p-1f,
      -0x1.3064c8p-1f,  -0x1.217632p-1f,  -0x1.151af8p-1f,  -0x1.0aeb92p-1f,  -0x1.0283f4p-1f,    -0x1.f71bp-2f,  -0x1.eb81acp-2f,  -0x1.e1c914p-2f,
      -0x1.d6185ap-2f,  -0x1.ca1b42p-2f,  -0x1.c133c8p-2f,  -0x1.ba7024p-2f,  -0x1.b531ecp-2f,   -0x1.b10edp-2f,  -0x1.adbdc8p-2f,  -0x1.ab0b8ap-2f,
       -0x1.98845p-1f,  -0x1.987618p-1f,  -0x1.982836p-1f,   -0x1.97633p-1f,  -0x1.95ff46p-1f,  -0x1.93e8c4p-1f,  -0x1.911d8ap-1f,  -0x1.8da85cp-1f},
    {  0x1.73390ap-3f,    0x1.43b89p-3f,   0x1.17ec4ep-3f,   0x1.e1f0f8p-4f,    0x1.9e2acp-4f,     0x1.63fep-4f,   0x1.3272cap-4f,   0x1.086e16p-4f,
       0x1.ab47aep-5f,   0x1.4466a4p-5f,   0x1.f3f042p-6f,   0x1.86ef7ap-6f,   0x1.360596p-6f,    0x1.f237cp-7f,   0x1.953b24p-7f,   0x1.4d5002p-7f,
        0x1.fc472p-8f,   0x1.6bac7ep-8f,   0x1.0c4ceep-8f,   0x1.964858p-9f,   0x1.3a8156p-9f,  0x1.f04ccep-10f,  0x1.8e215ep-10f,  0x1.440a9cp-10f,
       0x1.fff84ap-3f,   0x1.fd7d3cp-3f,    0x1.f650fp-3f,   0x1.ea123cp-3f,   0x1.d96b5ap-3f,   0x1.c5627cp-3f,   0x1.af07acp-3f,   0x1.974ef6p-3f},
    { -0x1.c08392p-5f,   -0x1.5aa81p-5f,  -0x1.0c754ap-5f,  -0x1.a1c534p-6f,  -0x1.471f0ep-6f,  -0x1.01fc78p-6f,  -0x1.9a0732p-7f,  -0x1.485e1cp-7f,
      -0x1.dec0f2p-8f,  -0x1.410cecp-8f,  -0x1.baa64ap-9f,  -0x1.38f01cp-9f, -0x1.c4abe2p-10f, -0x1.4e318cp-10f, -0x1.f6a99ep-11f, -0x1.806284p-11f,
      -0x1.09273p-11f, -0x1.50553cp-12f, -0x1.bd7e34p-13f, -0x1.31edf6p-13f, -0x1.b14538p-14f, -0x1.3af882p-14f,  -0x1.d4734p-15f, -0x1.635084p-15f,
       -0x1.0f527p-3f,  -0x1.021f22p-3f,  -0x1.de1d4ep-4f,  -0x1.b289fap-4f,  -0x1.860e7ap-4f,  -0x1.5b3c5cp-4f,  -0x1.336c22p-4f,  -0x1.0f3702p-4f},
    {  0x1.ec2f96p-8f,   0x1.47feb2p-8f,   0x1.be3938p-9f,   0x1.35658ap-9f,  0x1.b4c2f4p-10f,  0x1.396eb6p-10f,  0x1.c8da58p-11f,  0x1.51c4bcp-11f,
      0x1.b973eap-12f,  0x1.03ee92p-12f,  0x1.3f4288p-13f,  0x1.96d2a4p-14f,  0x1.0bb4ccp-14f,  0x1.6a7f34p-15f,  0x1.f7625ep-16f,  0x1.657198p-16f,
      0x1.bd61d6p-17f,  0x1.f41e48p-18f,  0x1.290ebcp-18f,  0x1.71ca0ep-19f,  0x1.ded196p-20f,  0x1.409316p-20f,  0x1.b9d69ep-21f,  0x1.383aaap-21f,
       0x1.cd0252p-5f,    0x1.5aa6ep-5f,   0x1.0d852ep-5f,   0x1.a5fa08p-6f,   0x1.4c87a2p-6f,    0x1.07ba3p-6f,    0x1.a4ebep-7f,   0x1.51ec96p-7f},
};

// clang-format on
