# Sets JWT_CPP to the headers of jwt-cpp 0.7.2, or fails. It stands in no registry: it is installed as its documents say and
# found by CMAKE_PREFIX_PATH. Its headers do not tell their version, so its main one is known by its content.
find_path(JWT_CPP jwt-cpp/jwt.h)
if(NOT JWT_CPP)
  message(FATAL_ERROR "jwt-cpp is not installed")
endif()
file(SHA256 "${JWT_CPP}/jwt-cpp/jwt.h" FOUND)
if(NOT FOUND STREQUAL "f12c3a92be17ea262d1187933dbb77fac8417b1010082b470265fdd1031fe0fd")
  message(FATAL_ERROR "${JWT_CPP}/jwt-cpp/jwt.h is not that of version 0.7.2")
endif()
