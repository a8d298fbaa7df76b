// GELU's tables: polynomials by intervals. Entry [j][i] is the coefficient of r^j in interval i, r = a - i GELU_INTERVAL, a = |x|, i the
// nearest, so |r| <= GELU_INTERVAL / 2.
//
// The fit, which gives every coefficient: for each interval (the first is only [0, GELU_INTERVAL / 2]) least squares at 48 Chebyshev nodes
// of the error over the weight named at the table, in 40 digits. The coefficients are rounded one by one from the highest degree on, and
// after each the lower ones are fitted again. eps = 2^-23.

#ifndef HEED_MATH_GELU_TABLES_INC_H
#define HEED_MATH_GELU_TABLES_INC_H

#define GELU_INTERVAL 0.375f // 16 intervals, as many as every vocabulary looks up, reach GELU_NEAR
#define GELU_NEAR     5.8f   // the last interval ends shortly after

// clang-format off

// a Phi(-a), the weight a Phi(-a) itself: within 0.55 eps of that up to 4, then within 1.4 eps, where GELU may err by 10 to 19.
static const float heed_gelu_complement_p7[8][16] __attribute__((aligned(64))) = {
    {0.0f, 0x1.0fbddap-3f, 0x1.5c198p-3f, 0x1.2c32d6p-3f, 0x1.9a76a4p-4f, 0x1.d2e35cp-5f, 0x1.c2a49ap-6f, 0x1.74a8eep-7f,
     0x1.096698p-8f, 0x1.468978p-10f, 0x1.5babcp-12f, 0x1.40b6a4p-14f, 0x1.008408p-16f, 0x1.63f91cp-19f, 0x1.acb3dep-22f, 0x1.c02c16p-25f},
    {0x1.0p-1f, 0x1.b70f42p-3f, 0x1.95f1e6p-11f, -0x1.baa428p-4f, -0x1.050e92p-3f, -0x1.93c66ep-4f, -0x1.e4e1e4p-5f, -0x1.dc423ep-6f,
     -0x1.876f5ap-7f, -0x1.107234p-8f, -0x1.437006p-10f, -0x1.48ee38p-12f, -0x1.1f6ea2p-14f, -0x1.b08e62p-17f, -0x1.18b3e4p-19f,
     -0x1.3a92bap-22f},
    {-0x1.988454p-2f, -0x1.62018cp-2f, -0x1.bb463ap-3f, -0x1.3ea99ap-4f, 0x1.094082p-6f, 0x1.ab0676p-5f, 0x1.8e2468p-5f, 0x1.fdc81ap-6f,
     0x1.fc47a2p-7f, 0x1.9cada6p-8f, 0x1.16bc9ap-9f, 0x1.3d071ep-11f, 0x1.31df86p-13f, 0x1.f73084p-16f, 0x1.621d3cp-18f, 0x1.ab872ap-21f},
    {0x1.d27d6cp-25f, 0x1.6f648ap-4f, 0x1.09003cp-3f, 0x1.bcf0ep-4f, 0x1.d030e8p-5f, 0x1.552e26p-7f, -0x1.9e647ap-7f, -0x1.07a51ep-6f,
     -0x1.6b0eap-7f, -0x1.6d62aap-8f, -0x1.22a6e4p-9f, -0x1.79da2p-11f, -0x1.988742p-13f, -0x1.734576p-15f, -0x1.1d9a5cp-17f,
     -0x1.75c082p-20f},
    {0x1.10567p-4f, 0x1.814416p-5f, 0x1.37a24p-8f, -0x1.d72816p-6f, -0x1.27a44cp-5f, -0x1.836648p-6f, -0x1.f77762p-8f, 0x1.c32318p-10f,
     0x1.0a3f08p-8f, 0x1.8b9cc6p-9f, 0x1.8de992p-10f, 0x1.32e2fap-11f, 0x1.7c5264p-13f, 0x1.83a0fp-15f, 0x1.4961a8p-17f, 0x1.d6d242p-20f},
    {0x1.adedd2p-16f, -0x1.399924p-6f, -0x1.76011ep-6f, -0x1.71ae52p-7f, 0x1.6615c8p-9f, 0x1.24b906p-7f, 0x1.d642bep-8f, 0x1.7856e6p-9f,
     0x1.a6472ep-23f, -0x1.bbd5c8p-11f, -0x1.60b9bcp-11f, -0x1.5d6818p-12f, -0x1.021f6ep-13f, -0x1.2df6bap-15f, -0x1.1fcab6p-17f,
     -0x1.c64138p-20f},
    {-0x1.4d5a9cp-7f, -0x1.769ca6p-8f, 0x1.38f2cep-9f, 0x1.b68bcp-8f, 0x1.3e9a24p-8f, 0x1.6835dep-11f, -0x1.c99d56p-10f, -0x1.c8fd3p-10f,
     -0x1.9845e2p-11f, -0x1.259f5p-14f, 0x1.403a8cp-13f, 0x1.0bd866p-13f, 0x1.01e718p-14f, 0x1.69db5ap-16f, 0x1.8d4108p-18f,
     0x1.6098d4p-20f},
    {0x1.95bb78p-11f, 0x1.745d56p-9f, 0x1.6a2aa6p-9f, 0x1.76962ap-12f, -0x1.850aaep-10f, -0x1.726cep-10f, -0x1.97da8p-12f, 0x1.385a52p-12f,
     0x1.793164p-12f, 0x1.587b6ep-13f, 0x1.2caffep-16f, -0x1.b13154p-16f, -0x1.5f1d3ap-16f, -0x1.3b9c96p-17f, -0x1.983f48p-19f,
     -0x1.9a15cep-21f},
};

// Phi(-a) - a phi(a), the weight Phi(-a) + a phi(a): within 0.4 eps of that up to 4, then within 0.8 eps, where the gradient may err by 19
// to 37.
static const float heed_gelu_derivative_complement_p7[8][16] __attribute__((aligned(64))) = {
    {0x1.0p-1f, 0x1.b70f42p-3f, 0x1.95f1e4p-11f, -0x1.baa428p-4f, -0x1.050e92p-3f, -0x1.93c66ep-4f, -0x1.e4e1e4p-5f, -0x1.dc423ep-6f,
     -0x1.876f5ap-7f, -0x1.107234p-8f, -0x1.437006p-10f, -0x1.48ee38p-12f, -0x1.1f6eap-14f, -0x1.b08e6p-17f, -0x1.18b3ep-19f,
     -0x1.3a92bp-22f},
    {-0x1.988454p-1f, -0x1.62018cp-1f, -0x1.bb4638p-2f, -0x1.3ea998p-3f, 0x1.094086p-5f, 0x1.ab0674p-4f, 0x1.8e2466p-4f, 0x1.fdc818p-5f,
     0x1.fc47a4p-6f, 0x1.9cadaap-7f, 0x1.16bc9cp-8f, 0x1.3d072p-10f, 0x1.31df8p-12f, 0x1.f73068p-15f, 0x1.621d1p-17f, 0x1.ab86c8p-20f},
    {0x1.c23ec8p-28f, 0x1.138b6ap-2f, 0x1.8d805ap-2f, 0x1.4db4aap-2f, 0x1.5c24b2p-3f, 0x1.ffc522p-6f, -0x1.36cb72p-5f, -0x1.8b77b6p-5f,
     -0x1.104af4p-5f, -0x1.1209f2p-6f, -0x1.b3fa3ap-8f, -0x1.1b639p-9f, -0x1.326594p-11f, -0x1.16748ap-13f, -0x1.ac6924p-16f,
     -0x1.18526ap-18f},
    {0x1.10582ep-2f, 0x1.8145d8p-3f, 0x1.3793acp-6f, -0x1.d72da2p-4f, -0x1.27a53ap-3f, -0x1.83648ep-4f, -0x1.f76efap-6f, 0x1.c32e4ep-8f,
     0x1.0a3ddep-6f, 0x1.8b998ep-7f, 0x1.8de6bep-8f, 0x1.32e266p-9f, 0x1.7c556cp-11f, 0x1.83a9d8p-13f, 0x1.49700ap-15f, 0x1.d6f374p-18f},
    {0x1.5d089ap-19f, -0x1.8803e4p-4f, -0x1.d3806ep-4f, -0x1.ce2188p-5f, 0x1.bf8458p-7f, 0x1.6debdcp-5f, 0x1.25f21cp-5f, 0x1.d67b96p-7f,
     0x1.63df3ap-22f, -0x1.1579d4p-8f, -0x1.b8fd32p-9f, -0x1.b4c7ccp-10f, -0x1.429a74p-11f, -0x1.7948cp-13f, -0x1.676e8ap-15f,
     -0x1.1b8406p-17f},
    {-0x1.ea729cp-5f, -0x1.1ad3b8p-5f, 0x1.dd297p-7f, 0x1.4bdd9cp-5f, 0x1.dfe778p-6f, 0x1.06bcacp-8f, -0x1.5bc12ep-7f, -0x1.584666p-7f,
     -0x1.30f13ep-8f, -0x1.9bf98ap-12f, 0x1.e6ae76p-11f, 0x1.926ed6p-11f, 0x1.812206p-12f, 0x1.0cd0dp-13f, 0x1.25b48p-15f, 0x1.03785ep-17f},
    {0x1.469b18p-13f, 0x1.476732p-6f, 0x1.3c8caap-6f, 0x1.5298f4p-9f, -0x1.52606p-7f, -0x1.45c084p-7f, -0x1.70d756p-9f, 0x1.0bf532p-9f,
     0x1.4bfeaep-9f, 0x1.34abaap-10f, 0x1.2560d2p-13f, -0x1.76eb7cp-13f, -0x1.37db66p-13f, -0x1.1c145cp-14f, -0x1.7394f6p-16f,
     -0x1.794278p-18f},
    {0x1.2aa9f4p-7f, 0x1.1aba72p-8f, -0x1.24851ep-8f, -0x1.c04acp-8f, -0x1.31039p-9f, 0x1.1a6f1p-9f, 0x1.5c0db8p-9f, 0x1.d99878p-11f,
     -0x1.842c38p-12f, -0x1.149954p-11f, -0x1.f179b8p-13f, -0x1.aabe32p-16f, 0x1.107834p-15f, 0x1.9d27b8p-16f, 0x1.57638ap-17f,
     0x1.985048p-19f},
};

// clang-format on

#endif
