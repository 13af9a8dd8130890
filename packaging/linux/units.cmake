# The unit of the one relay that most machines have, and the template for several (gsrelayd@NAME), from
# one file: they differ in their settings and folders only.
function(gsrelay_units source to)
  set(unit_whose "")
  set(unit_settings relay.ini)
  set(unit_folder gsrelay)
  configure_file("${source}" "${to}/gsrelayd.service" @ONLY)
  set(unit_whose " (%i)")
  set(unit_settings %i.ini)
  set(unit_folder gsrelay/%i)
  configure_file("${source}" "${to}/gsrelayd@.service" @ONLY)
endfunction()
