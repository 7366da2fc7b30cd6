/* SPDX-License-Identifier: MIT */
/* Public keys, as they stand in files; nobody has their private halves. */
#ifndef STILE_TESTS_UNIT_FAKE_KEYS_H
#define STILE_TESTS_UNIT_FAKE_KEYS_H

#define DATA_ED25519 "AAAAC3NzaC1lZDI1NTE5AAAAIKRtr4ruwsK404lAsnVOdn4ZBB1YSH4a/hOF/hxuv7Wz"
#define KEY_ED25519 "ssh-ed25519 " DATA_ED25519

#define DATA_ED25519_OTHER "AAAAC3NzaC1lZDI1NTE5AAAAIKmw61bVqASbPtlcjGzygQ+ecRkcdJlF7Eeu47ZDOtI9"
#define KEY_ED25519_OTHER "ssh-ed25519 " DATA_ED25519_OTHER

#define DATA_RSA                                                                                   \
    "AAAAB3NzaC1yc2EAAAADAQABAAAAgQD1iGiFXNXt6dzHxTHQs09+ZRP0dMmMp73I3+f8ebKdsou9zGtSwaa5qZwl"     \
    "HGMZSHJnpYICJMzuOH+GYKWGoCp0er+R6Af5jcVGIwvSglwi3UzUm6ZwQ8RmR2NttBcmovCQgoUTzU0T1uz8GrLJ"     \
    "PTx8WCenBUVbSU3ldb4xT7c98w=="
#define KEY_RSA "ssh-rsa " DATA_RSA

#define DATA_P256                                                                                  \
    "AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBNMJNoXK6ADh9/jMxPAolOF4PQMkorQNnUlm"     \
    "P9zKAbhPhK7cS+im+pgcqi1Obev6ubWVN0L0gYl9jzboe+/e3O4="
#define KEY_P256 "ecdsa-sha2-nistp256 " DATA_P256

#define DATA_P384                                                                                  \
    "AAAAE2VjZHNhLXNoYTItbmlzdHAzODQAAAAIbmlzdHAzODQAAABhBHL63sgZSccMo19crZBICaBxigJsmZHfq94b"     \
    "Jexhk9Ec09jB/6xKYhZD7T9pvMsspBCqaIOnxJFBE2ZJZ5BGMRpnB7omYhs/dxYYuQRSxHhgfgyj17G2cQWlO5Ll"     \
    "2AKXng=="
#define KEY_P384 "ecdsa-sha2-nistp384 " DATA_P384

#define DATA_P521                                                                                  \
    "AAAAE2VjZHNhLXNoYTItbmlzdHA1MjEAAAAIbmlzdHA1MjEAAACFBAFBIWOm1Ss9MMH61KQKTjv91Cq1kf8Tp8Zf"     \
    "N5Safnt71jOWYeGzCdNivn6s5NiQoZRJoi+GJzqB8eJvITz1RoM26gEFQRSsC5aiiHGwFEIFxueEAWtlztqDUmIx"     \
    "P6Xb7eaSvd8JWf6C70shPdW3/6wA8s1iqndcHo+NL3wHDo9PBJod9w=="
#define KEY_P521 "ecdsa-sha2-nistp521 " DATA_P521

#define DATA_DSS                                                                                   \
    "AAAAB3NzaC1kc3MAAACBAIs5RUgVpPd5cmf7p9qFbmYmwhNXQl8fXb9LF/t1dv+5xGe3jQ+1IyGmb8kj/uKM4DOo"     \
    "wXfmPjmSPTNp9g7z30ery+5pMhlqoMGt0o680QMpHAUGiNN04fGrlTD/75Ch49gRXaxPNS06U55abXqQII+obNgz"     \
    "YYfNMg6b96Km29PhAAAAFQCrjPy8WUtlWOUrqGKeGDHNpghiJQAAAIBiJP6Fwt9i5kp3SUy745/p96eo9nKeKb+y"     \
    "d8KWWTY9jkjJ6lQzqaO1k2q50rEKE7QOEFlqpsmqIX0+mTCgHrPN7o1Toj7ETTa0aXlXbcAecH3lFIMGRuEusc9t"     \
    "yW3KwTwBOHjKTiGON4oUyAZPswHKAXv/UpZkQOn485tivboL2gAAAIAZRXm0zd9l+7xfgDKUnW4/0xVmurTQK0MQ"     \
    "lDTHRplBcgN+CQs0UUJVd7+RE2KK+oRViZgqJi7pniYwcuZFh/21bFcYQlft2TZRzJ++6+Lj4oL+8ozN+zmS/fR+"     \
    "2oCAoJbYYJNKuUOfGOYj4dG720nhakfUovbSHuZvA/dSg4XALA=="
#define KEY_DSS "ssh-dss " DATA_DSS

/* Of KEY_ED25519. */
#define DATA_CERTIFICATE                                                                           \
    "AAAAIHNzaC1lZDI1NTE5LWNlcnQtdjAxQG9wZW5zc2guY29tAAAAIJrddz0SEz/NSLqr4XtryOGt9t0BZIALeINU"     \
    "TUnW2sFdAAAAIKRtr4ruwsK404lAsnVOdn4ZBB1YSH4a/hOF/hxuv7WzAAAAAAAAAAAAAAACAAAAAXgAAAAIAAAA"     \
    "BGhvc3QAAAAAAAAAAP//////////AAAAAAAAAAAAAAAAAAAAMwAAAAtzc2gtZWQyNTUxOQAAACDj3l4s9woBO7I+"     \
    "q6qiu1ztsUG0Te1Lthe9AehQk2+JSwAAAFMAAAALc3NoLWVkMjU1MTkAAABAc1X+sYcW2+uWqmH7xbtJcRa8GC5m"     \
    "HBES1L/WZLje238oMqDkDjyxVUUZwpi+fHIyWs/maDTOwVSc1btQ26zcBg=="
#define KEY_CERTIFICATE "ssh-ed25519-cert-v01@openssh.com " DATA_CERTIFICATE

#endif
