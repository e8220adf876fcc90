# What lies outside the rooms: headers, package files, configuration, units, documents.
# Programs, plugins and the client library are installed by their rooms.
include(CMakePackageConfigHelpers)

install(DIRECTORY client/include/hirehall DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}" OPTIONAL FILES_MATCHING PATTERN "*.h")
install(DIRECTORY worker/include/hirehall DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}" OPTIONAL FILES_MATCHING PATTERN "*.h")

if(HIREHALL_CLIENT_EXPORTED)
  install(
    EXPORT hirehallTargets
    NAMESPACE hirehall::
    DESTINATION "${CMAKE_INSTALL_LIBDIR}/cmake/hirehall")
  configure_package_config_file(cmake/hirehallConfig.cmake.in "${CMAKE_BINARY_DIR}/hirehallConfig.cmake"
                                INSTALL_DESTINATION "${CMAKE_INSTALL_LIBDIR}/cmake/hirehall")
  write_basic_package_version_file(
    "${CMAKE_BINARY_DIR}/hirehallConfigVersion.cmake"
    VERSION ${PROJECT_VERSION}
    COMPATIBILITY SameMinorVersion)
  install(FILES "${CMAKE_BINARY_DIR}/hirehallConfig.cmake" "${CMAKE_BINARY_DIR}/hirehallConfigVersion.cmake"
          DESTINATION "${CMAKE_INSTALL_LIBDIR}/cmake/hirehall")
endif()

install(DIRECTORY configs/ DESTINATION "${CMAKE_INSTALL_DATADIR}/hirehall/configs" OPTIONAL)
install(DIRECTORY systemd/ DESTINATION "lib/systemd/system" OPTIONAL FILES_MATCHING PATTERN "*.service")
install(FILES systemd/hirehall.sysusers DESTINATION "lib/sysusers.d" RENAME hirehall.conf)
install(FILES systemd/hirehall.tmpfiles DESTINATION "lib/tmpfiles.d" RENAME hirehall.conf)
install(DIRECTORY docs/ DESTINATION "${CMAKE_INSTALL_DOCDIR}" OPTIONAL FILES_MATCHING PATTERN "*.md")
install(FILES LICENSE CHANGELOG.md DESTINATION "${CMAKE_INSTALL_DOCDIR}")
install(FILES README.md DESTINATION "${CMAKE_INSTALL_DOCDIR}" OPTIONAL)

# Manual pages and completion scripts are printed by the programs themselves, from the tables that parse their options.
if(TARGET hirehall AND TARGET hirehall-broker AND TARGET hirehall-worker AND NOT HIREHALL_SANITIZE AND NOT HIREHALL_FUZZ)
  set(printed "${CMAKE_BINARY_DIR}/printed")
  file(MAKE_DIRECTORY "${printed}/man1" "${printed}/man8")
  add_custom_command(
    OUTPUT "${printed}/done"
    COMMAND hirehall help --man-directory "${printed}/man1"
    COMMAND hirehall-broker --print-man > "${printed}/man8/hirehall-broker.8"
    COMMAND hirehall-worker --print-man > "${printed}/man8/hirehall-worker.8"
    COMMAND hirehall completion bash > "${printed}/hirehall.bash"
    COMMAND hirehall completion zsh > "${printed}/hirehall.zsh"
    COMMAND hirehall completion fish > "${printed}/hirehall.fish"
    COMMAND "${CMAKE_COMMAND}" -E touch "${printed}/done"
    DEPENDS hirehall hirehall-broker hirehall-worker
    COMMENT "Printing manual pages and completion scripts"
    VERBATIM)
  add_custom_target(printed ALL DEPENDS "${printed}/done")
  install(DIRECTORY "${printed}/man1" "${printed}/man8" DESTINATION "${CMAKE_INSTALL_MANDIR}")
  install(FILES "${printed}/hirehall.bash" DESTINATION "${CMAKE_INSTALL_DATADIR}/bash-completion/completions"
          RENAME hirehall)
  install(FILES "${printed}/hirehall.zsh" DESTINATION "${CMAKE_INSTALL_DATADIR}/zsh/site-functions" RENAME _hirehall)
  install(FILES "${printed}/hirehall.fish" DESTINATION "${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d")
endif()
