# Installs a built tree, moves what it installed, and lets another project use it: by find_package, and by pkg-config where there is one.
#
#   cmake -DBUILD=... -DFOLDER=... -DCOMPILER=... -DVERSION=... -DLIBRARIES=lib -P check.cmake

function(run)
  execute_process(COMMAND ${ARGV} RESULT_VARIABLE result OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(NOT result EQUAL 0)
    list(JOIN ARGV " " command)
    message(FATAL_ERROR "${command}\nended with ${result}:\n${output}")
  endif()
endfunction()

set(source "${CMAKE_CURRENT_LIST_DIR}")
file(REMOVE_RECURSE "${FOLDER}")
run("${CMAKE_COMMAND}" --install "${BUILD}" --prefix "${FOLDER}/installed")

# pkg-config names the prefix that was installed to.
find_program(pkg_config NAMES pkg-config pkgconf)
if(pkg_config)
  set(ENV{PKG_CONFIG_PATH} "${FOLDER}/installed/${LIBRARIES}/pkgconfig")
  execute_process(COMMAND "${pkg_config}" --cflags --libs heedkernels OUTPUT_VARIABLE flags OUTPUT_STRIP_TRAILING_WHITESPACE
                  COMMAND_ERROR_IS_FATAL ANY)
  separate_arguments(flags UNIX_COMMAND "${flags}")
  run("${COMPILER}" -std=c11 -Werror "${source}/use.c" -o "${FOLDER}/use" ${flags} -lm
      "-Wl,-rpath,${FOLDER}/installed/${LIBRARIES}")
  run("${FOLDER}/use")
endif()

# The CMake package names no folder: it works wherever it is moved to.
file(RENAME "${FOLDER}/installed" "${FOLDER}/moved")
run("${CMAKE_COMMAND}" -S "${source}" -B "${FOLDER}/build" "-DCMAKE_C_COMPILER=${COMPILER}" "-DCMAKE_PREFIX_PATH=${FOLDER}/moved"
    "-DHEED_VERSION=${VERSION}")
run("${CMAKE_COMMAND}" --build "${FOLDER}/build")
foreach(kind IN ITEMS heed heed_static)
  run("${FOLDER}/build/use_${kind}")
endforeach()
