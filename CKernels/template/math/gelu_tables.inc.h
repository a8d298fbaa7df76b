// GELU's tables: polynomials by intervals. Entry [j][i] is the coefficient of r^j in interval i, r = a - i GELU_INTERVAL, a = |x|, i the
// nearest, so |r| <= GELU_INTERVAL / 2.
//
// The fit, which gives every coefficient: for each interval (the first is only [0, GELU_INTERVAL / 2]) least squares at 48 Chebyshev nodes
// of the error over the weight named at the table, in 40 digits. The coefficients are rounded one by one from the highest degree on, and
// after each the lower ones are fitted again. eps = 2^-23.

#ifndef HEED_MATH_GELU_TABLES_INC_H
#define HEED_MATH_GELU_TABLES_INC_H

#define GELU_INTERVAL 0.1875f // 32 intervals reach GELU_NEAR
#define GELU_NEAR     5.9f    // the last interval ends shortly after

// clang-format off

// a Phi(-a), the weight a Phi(-a) itself: within 0.57 eps of that up to 4, then within 6 eps, where GELU may err by 10 to 19.
static const float heed_gelu_complement_p5[6][32] __attribute__((aligned(64))) = {
    {          0.0f, 0x1.46e31cp-4f, 0x1.0fbddap-3f,  0x1.4a7eap-3f,  0x1.5c198p-3f, 0x1.4e8fb6p-3f, 0x1.2c32d6p-3f,  0x1.fcfa1p-4f,
     0x1.9a76a4p-4f, 0x1.3c3fc2p-4f, 0x1.d2e35cp-5f, 0x1.4ad334p-5f, 0x1.c2a498p-6f,  0x1.274fap-6f, 0x1.74a8eep-7f, 0x1.c50a54p-8f,
     0x1.096698p-8f, 0x1.2bc88ep-9f, 0x1.468978p-10f, 0x1.570de8p-11f, 0x1.5babc2p-12f, 0x1.53f11cp-13f, 0x1.40b6a4p-14f, 0x1.23f934p-15f,
     0x1.008408p-16f, 0x1.b2fedep-18f, 0x1.63f92p-19f, 0x1.1929e8p-20f, 0x1.acb3e6p-22f, 0x1.3b78e6p-23f, 0x1.c02c26p-25f, 0x1.334becp-26f},
    {0x1.0p-1f, 0x1.689658p-2f, 0x1.b70f42p-3f, 0x1.866c9ep-4f, 0x1.95f1e6p-11f, -0x1.116ed2p-4f, -0x1.baa428p-4f, -0x1.034856p-3f,
     -0x1.050e92p-3f, -0x1.dc91fcp-4f, -0x1.93c66cp-4f, -0x1.418908p-4f, -0x1.e4e1e4p-5f, -0x1.5bd286p-5f, -0x1.dc424p-6f, -0x1.37e6aap-6f,
     -0x1.876f5ap-7f, -0x1.d74938p-8f, -0x1.107234p-8f, -0x1.2eb7bcp-9f, -0x1.437006p-10f, -0x1.4c7888p-11f, -0x1.48ee34p-12f,
     -0x1.39523ep-13f, -0x1.1f6e9ap-14f, -0x1.fc0396p-16f, -0x1.b08e4ap-17f, -0x1.62ee1cp-18f, -0x1.18b3c6p-19f, -0x1.abff48p-21f,
     -0x1.3a928p-22f, -0x1.bdda28p-24f},
    {-0x1.98844ep-2f, -0x1.8a57acp-2f, -0x1.62017cp-2f, -0x1.2591b6p-2f, -0x1.bb4646p-3f, -0x1.271f1p-3f, -0x1.3ea9e6p-4f, -0x1.7f0c5cp-6f,
     0x1.093fa2p-6f, 0x1.4d864ap-5f, 0x1.ab0664p-5f, 0x1.b70492p-5f,  0x1.8e249p-5f, 0x1.4a304cp-5f, 0x1.fdc868p-6f, 0x1.72067ap-6f,
     0x1.fc47eap-7f, 0x1.4bb9cep-7f, 0x1.9cadb6p-8f, 0x1.ea5dbep-9f, 0x1.16bc64p-9f, 0x1.2f8fb4p-10f, 0x1.3d0666p-11f, 0x1.3dc11ap-12f,
     0x1.31de2p-13f, 0x1.1aeb98p-14f, 0x1.f72c96p-16f, 0x1.ae56e8p-17f, 0x1.6218e8p-18f, 0x1.186724p-19f, 0x1.ab7f7cp-21f, 0x1.39c618p-22f},
    {-0x1.b3b2c4p-18f, 0x1.8dda5ep-5f,  0x1.6f63ep-4f, 0x1.e1bb54p-4f, 0x1.090024p-3f, 0x1.00c08ap-3f, 0x1.bcf09cp-4f, 0x1.580368p-4f,
     0x1.d0308p-5f, 0x1.fe15cep-6f, 0x1.552e68p-7f, -0x1.0fffa4p-8f, -0x1.9e62d2p-7f, -0x1.08492ap-6f, -0x1.07a45p-6f, -0x1.cb029ep-7f,
     -0x1.6b0de2p-7f, -0x1.0a1264p-7f, -0x1.6d629ep-8f, -0x1.d961f8p-9f, -0x1.22a7ccp-9f, -0x1.536cc4p-10f, -0x1.79dd4p-11f,
     -0x1.91c12cp-12f, -0x1.988dbap-13f, -0x1.8dd60ep-14f, -0x1.734f4cp-15f, -0x1.4c6afap-16f, -0x1.1da612p-17f, -0x1.d7775ep-19f,
     -0x1.75d702p-20f, -0x1.1cef42p-21f},
    {0x1.112258p-4f, 0x1.f57ce2p-5f, 0x1.80a6c4p-5f, 0x1.b5f676p-6f, 0x1.39abbcp-8f, -0x1.e1fd0ep-7f, -0x1.d5b8b4p-6f, -0x1.244716p-5f,
     -0x1.271e72p-5f, -0x1.004274p-5f, -0x1.833f86p-6f, -0x1.f3214p-7f, -0x1.f8f43ep-8f, -0x1.032928p-9f, 0x1.bd292p-10f,  0x1.d13fep-9f,
     0x1.099348p-8f, 0x1.e8ac34p-9f, 0x1.8b7c7ep-9f, 0x1.23870ep-9f, 0x1.8e6df6p-10f, 0x1.fe0442p-11f, 0x1.33c1f6p-11f, 0x1.5fc1ecp-12f,
     0x1.7e00c8p-13f, 0x1.8b1f9ap-14f, 0x1.85fd84p-15f, 0x1.6fd9e6p-16f, 0x1.4bf9c6p-17f, 0x1.1eef1cp-18f, 0x1.db6d72p-20f,
     0x1.79cab8p-21f},
    {-0x1.32d764p-9f, -0x1.5a8fe6p-7f, -0x1.38365p-6f, -0x1.7d7e34p-6f, -0x1.755034p-6f, -0x1.2b0172p-6f, -0x1.70cd18p-7f, -0x1.e5a318p-9f,
     0x1.66a668p-9f, 0x1.cd30d6p-8f, 0x1.243132p-7f,  0x1.1dc67p-7f, 0x1.d4cf4ap-8f, 0x1.46e8b8p-8f, 0x1.766396p-9f, 0x1.2bf8fap-10f,
     -0x1.29bba4p-18f, -0x1.477becp-11f, -0x1.bb1a14p-11f, -0x1.ac82b8p-11f, -0x1.5f4c52p-11f, -0x1.01d796p-11f, -0x1.5b6a8cp-12f,
     -0x1.b39624p-13f, -0x1.003e72p-13f, -0x1.1c8044p-14f, -0x1.2b43ap-15f, -0x1.2b1cbcp-16f, -0x1.1cb39ap-17f, -0x1.02831cp-18f,
     -0x1.c07bdp-20f, -0x1.7411f8p-21f},
};

// Phi(-a) - a phi(a), the weight Phi(-a) + a phi(a): within 0.35 eps of that up to 4, then within 4.2 eps, where the gradient may err by 19
// to 38.
static const float heed_gelu_derivative_complement_p5[6][32] __attribute__((aligned(64))) = {
    {0x1.0p-1f, 0x1.689658p-2f, 0x1.b70f42p-3f, 0x1.866c9ep-4f, 0x1.95f1ecp-11f, -0x1.116ed2p-4f, -0x1.baa428p-4f, -0x1.034856p-3f,
     -0x1.050e92p-3f, -0x1.dc91fcp-4f, -0x1.93c66ep-4f, -0x1.418908p-4f, -0x1.e4e1e4p-5f, -0x1.5bd286p-5f, -0x1.dc423ep-6f, -0x1.37e6aap-6f,
     -0x1.876f5ap-7f, -0x1.d74936p-8f, -0x1.107234p-8f, -0x1.2eb7bcp-9f, -0x1.437006p-10f, -0x1.4c788ap-11f, -0x1.48ee38p-12f,
     -0x1.395244p-13f, -0x1.1f6ea2p-14f, -0x1.fc03acp-16f, -0x1.b08e62p-17f, -0x1.62ee38p-18f, -0x1.18b3e4p-19f, -0x1.abff82p-21f,
     -0x1.3a92b8p-22f, -0x1.bdda8cp-24f},
    {-0x1.988454p-1f, -0x1.8a57c4p-1f, -0x1.62018cp-1f, -0x1.2591bcp-1f, -0x1.bb4638p-2f, -0x1.271efp-2f, -0x1.3ea998p-3f, -0x1.7f0b32p-5f,
     0x1.094084p-5f, 0x1.4d8688p-4f, 0x1.ab0674p-4f, 0x1.b7047cp-4f, 0x1.8e2466p-4f, 0x1.4a301ep-4f, 0x1.fdc818p-5f,  0x1.72064p-5f,
     0x1.fc47a4p-6f, 0x1.4bb9aep-6f, 0x1.9cadaap-7f, 0x1.ea5de2p-8f, 0x1.16bc9cp-8f, 0x1.2f9026p-9f, 0x1.3d071ep-10f, 0x1.3dc222p-11f,
     0x1.31df7cp-12f, 0x1.1aed3ep-13f, 0x1.f73056p-15f, 0x1.ae5aeap-16f, 0x1.621cf6p-17f, 0x1.186b06p-18f, 0x1.ab868cp-20f,
     0x1.39cc38p-21f},
    {-0x1.7006bcp-24f, 0x1.2a66eap-3f, 0x1.138b32p-2f, 0x1.694c74p-2f, 0x1.8d8024p-2f, 0x1.8120dap-2f, 0x1.4db4a2p-2f, 0x1.0202d4p-2f,
     0x1.5c24ecp-3f, 0x1.7e9128p-4f, 0x1.ffc6e8p-6f, -0x1.9800ccp-7f, -0x1.36cb2ep-5f, -0x1.8c6f2cp-5f, -0x1.8b77e2p-5f, -0x1.58431cp-5f,
     -0x1.104b2ep-5f, -0x1.8f1c5ep-6f, -0x1.120a28p-6f, -0x1.630924p-7f, -0x1.b3fa56p-8f, -0x1.fd202cp-9f, -0x1.1b6352p-9f, -0x1.2d4cep-10f,
     -0x1.3264bep-11f, -0x1.2a597p-12f, -0x1.167302p-13f, -0x1.f28d88p-15f, -0x1.ac651ep-16f, -0x1.61859p-17f, -0x1.184e5p-18f,
     -0x1.ab44b4p-20f},
    {0x1.10592cp-2f, 0x1.f66f6ap-3f, 0x1.8145a6p-3f, 0x1.b65028p-4f, 0x1.37937ap-6f, -0x1.e45216p-5f, -0x1.d72d42p-4f, -0x1.24f882p-3f,
     -0x1.27a4dep-3f, -0x1.008de4p-3f, -0x1.8363f4p-4f, -0x1.f2bdccp-5f, -0x1.f76e94p-6f, -0x1.ff7cbp-8f, 0x1.c329c4p-8f, 0x1.d37118p-7f,
     0x1.0a3c9cp-6f, 0x1.e94608p-7f, 0x1.8b9858p-7f, 0x1.235db4p-7f, 0x1.8de68ap-8f, 0x1.fcf4e2p-9f, 0x1.32e384p-9f, 0x1.5e803ap-10f,
     0x1.7c5938p-11f, 0x1.891b6p-12f, 0x1.83b14cp-13f, 0x1.6d6338p-14f, 0x1.497a9cp-15f, 0x1.1c88cap-16f, 0x1.d70abap-18f, 0x1.75f97p-19f},
    {-0x1.17500cp-14f, -0x1.b8a03ep-5f, -0x1.86f1f2p-4f, -0x1.dcc03p-4f, -0x1.d2770ep-4f, -0x1.75d92ep-4f, -0x1.cdd918p-5f, -0x1.3212ep-6f,
     0x1.bb1adap-7f, 0x1.1f4aaap-5f, 0x1.6cdab8p-5f, 0x1.656a84p-5f, 0x1.25a3e4p-5f, 0x1.9a5428p-6f, 0x1.d7592ap-7f, 0x1.7c6c0ap-8f,
     0x1.182778p-15f, -0x1.95a0b4p-9f, -0x1.147664p-8f, -0x1.0c37b2p-8f, -0x1.b8bd9p-9f, -0x1.4413e4p-9f, -0x1.b5625ap-10f,
     -0x1.12a0bcp-10f, -0x1.439dcap-11f, -0x1.67dd1cp-12f, -0x1.7b227ap-13f, -0x1.7b8ccep-14f, -0x1.69dafcp-15f, -0x1.491e6cp-16f,
     -0x1.1dfa5ap-17f, -0x1.db56c6p-19f},
    {-0x1.e656d8p-5f, -0x1.b13276p-5f, -0x1.1a360ep-5f, -0x1.3ebe7ep-7f, 0x1.dbf6c4p-7f, 0x1.09222ap-5f,  0x1.4b146p-5f, 0x1.3b8748p-5f,
     0x1.de81bp-6f, 0x1.0cd642p-6f, 0x1.049662p-8f, -0x1.61a19p-8f, -0x1.5b3696p-7f, -0x1.864174p-7f, -0x1.572886p-7f, -0x1.f5f496p-8f,
     -0x1.2f584cp-8f, -0x1.142cc4p-9f, -0x1.937068p-12f, 0x1.279472p-11f, 0x1.e5fbdcp-11f, 0x1.e7ed6cp-11f, 0x1.90a80cp-11f,
     0x1.2230d4p-11f, 0x1.7eb898p-12f, 0x1.d33ff6p-13f, 0x1.0aaa72p-13f, 0x1.1e6dbcp-14f, 0x1.22d31p-15f, 0x1.180e8p-16f, 0x1.006b24p-17f,
     0x1.bf529ap-19f},
};

// clang-format on

#endif
